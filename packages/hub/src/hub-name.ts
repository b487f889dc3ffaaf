import { HubError } from './errors.ts';

/** Kinds of repositories that files are taken from. */
export type RepositoryType = 'model' | 'dataset';

/** A repository at a revision. */
export interface HubRepository {
  readonly type: RepositoryType;
  /** `owner/name`, or `name` alone for the few that have no owner. */
  readonly name: string;
  /** A branch, a tag or a commit; a pull request is `refs/pr/<number>`. Default `main`. */
  readonly revision: string;
}

/** What a text names on the hub. */
export interface HubName extends HubRepository {
  /** One file of it, such as `model-Q8_0.gguf`, or a part of a data set; undefined for the repository as a whole. */
  readonly file: string | undefined;
}

/** What says that a name is the hub's, whatever is on this machine. */
export const hubPrefix = 'hf://';

/**
 * Reads `owner/name[@revision][:file]`, with or without `hf://` before it; undefined for what has not this form, such as
 * a path. Only with `hf://` the owner may be missing; only of a data set the file may have `*` in it.
 *
 * @throws HubError (`name`) for a text that begins with `hf://` and has not this form.
 */
export function parseHubName(text: string, type: RepositoryType = 'model'): HubName | undefined {
  const isExplicit = text.startsWith(hubPrefix);
  const [, name, revision = 'main', file] = form.exec(isExplicit ? text.slice(hubPrefix.length) : text) ?? [];
  const isName =
    name !== undefined &&
    (isExplicit || name.includes('/')) &&
    name.length <= 192 &&
    name.split('/').every(isRepositoryName) &&
    isRevision(revision) &&
    (file === undefined || isFilePath(type === 'dataset' ? file.replaceAll('*', '_') : file));
  if (isName) return { type, name, revision, file };
  if (isExplicit) {
    throw new HubError(
      'name',
      text,
      'is no name on the hub; write hf://owner/name, hf://owner/name@revision',
    );
  }
  return undefined;
}

const form = /^([\w.-]+(?:\/[\w.-]+)?)(?:@([^:]+))?(?::(.+))?$/;

/** As the hub has them; `.` and `..` would be folders. */
function isRepositoryName(part: string): boolean {
  return /^\w(?:[\w.-]*\w)?$/.test(part) && !part.includes('..') && !part.includes('--') && part.length <= 96;
}

/** A name of git, fit for the path of a file: it names one under `refs`. */
function isRevision(revision: string): boolean {
  return (
    revision.length <= 200 && revision.split('/').every(isPlainName) && !/[\s~^:?*[\\\x7f]/.test(revision)
  );
}

/** Whether a path of a repository stays inside the folder it is put into, on every system. */
export function isFilePath(path: string): boolean {
  return path.length <= 1000 && path.split('/').every(isPlainName);
}

function isPlainName(part: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return part !== '' && part !== '.' && part !== '..' && !/[\\:*?"<>|\x00-\x1f]/.test(part);
}

/** `owner/name` where it is the main branch that is meant, `owner/name@revision` elsewhere. */
export function describeRepository({ name, revision }: HubRepository): string {
  return revision === 'main' ? name : `${name}@${revision}`;
}
