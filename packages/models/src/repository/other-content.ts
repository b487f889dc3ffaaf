import { describeRepository, HubError, type HubName, type HubSnapshot } from '@safetune/hub';

/** A repository that lacks files of what is wanted of it, and what it may be instead. */
export function otherContent(
  { files }: HubSnapshot,
  name: HubName,
  lacking: readonly string[],
  advice: string | undefined,
): HubError {
  const pickled = [...files.keys()].find((path) => /\.(bin|pt|pth)$/.test(path));
  const said =
    advice ??
    (pickled &&
      `${pickled} is of an older format that can run code: convert it to safetensors with Python first`);
  const more = said === undefined ? '' : `. ${said}`;
  return new HubError('file', describeRepository(name), `has no ${lacking.join(', ')}${more}`);
}
