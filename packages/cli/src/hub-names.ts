import { type DownloadProgress, type HubDownloadOptions, resolveDataset } from '@safetune/hub';
import { type ResolvedFolder, resolveAdapter, resolveModel, withCheckpointFolder } from '@safetune/models';
import { formatDuration } from './terminal/duration.ts';
import { note } from './terminal/output.ts';
import { bar, createProgressLine } from './terminal/progress-line.ts';

/** `--model`, where a command needs one. */
export const modelOption = {
  type: 'string',
  path: 'input',
  required: true,
  valueHint: 'DIR',
  description:
    'Hugging Face checkpoint folder or GGUF file, owner/name[@revision] on the hub, or ollama:NAME',
} as const;

/** `--base` and `--aligned`, where a command compares the two: see {@link withModelFolders}. */
export const checkpointPairOptions = {
  base: {
    type: 'string',
    path: 'input',
    required: true,
    valueHint: 'DIR',
    description: 'checkpoint of the pre-trained model',
  },
  aligned: {
    type: 'string',
    path: 'input',
    required: true,
    valueHint: 'DIR',
    description: 'checkpoint of the aligned (chat) model',
  },
} as const;

/** Further words for the help of an option that takes an adapter. */
export const adapterDescription = 'LoRA adapter folder, or owner/name[@revision] on the hub';

/** What `--model` names, fetched from the hub where it is a name there, with progress on stderr. */
export function namedModel(name: string): Promise<ResolvedFolder> {
  return fetched(name, resolveModel);
}

/** The folder of {@link namedModel}. */
export async function modelFolder(name: string): Promise<string> {
  return (await namedModel(name)).path;
}

/**
 * Runs what reads the tensors of a pre-trained and an aligned model itself, on their folders. A GGUF file is written as one for
 * the time.
 */
export async function withModelFolders<Result>(
  { base, aligned }: { readonly base: string; readonly aligned: string },
  action: (folders: { readonly base: string; readonly aligned: string }) => Promise<Result>,
): Promise<Result> {
  return withCheckpointFolder(await modelFolder(base), async (baseFolder) =>
    withCheckpointFolder(await modelFolder(aligned), (alignedFolder) =>
      action({ base: baseFolder, aligned: alignedFolder }),
    ),
  );
}

/** As {@link modelFolder}, of an adapter. */
export async function adapterFolder(name: string): Promise<string> {
  return (await fetched(name, resolveAdapter)).path;
}

/** The files of `--data` that is a name on the hub, fetched from there; undefined for a path. */
export async function datasetFiles(name: string): Promise<readonly string[] | undefined> {
  const { paths, hub } = await fetched(name, async (text, options) => {
    const found = await resolveDataset(text, options);
    return { ...found, path: found.hub?.folder ?? text };
  });
  return hub === undefined ? undefined : paths;
}

async function fetched<Found extends ResolvedFolder>(
  text: string,
  resolve: (name: string, options: HubDownloadOptions) => Promise<Found>,
): Promise<Found> {
  const line = createProgressLine();
  let shown = 0;
  const found = await resolve(text, {
    onProgress(progress) {
      // Bytes come by the ten thousand; ten times a second is enough to look at.
      if (performance.now() - shown < 100 && progress.bytes < progress.totalBytes) return;
      shown = performance.now();
      line.update(...progressParts(progress));
    },
  }).finally(() => line.end());
  if (found.hub !== undefined) {
    const { name, revision, commit } = found.hub;
    note(`${name} (${revision}) is commit ${commit.slice(0, 12)} in ${found.path}\n`);
  }
  return found;
}

/** The parts of the line of progress, the most important first. */
function progressParts(progress: DownloadProgress): string[] {
  const { file, bytes, totalBytes, bytesPerSecond, secondsLeft } = progress;
  return [
    `${bar(bytes, totalBytes)}${megabytes(bytes)} of ${megabytes(totalBytes)} MB`,
    ...(secondsLeft === null ? [] : [`${formatDuration(secondsLeft)} left`]),
    ...(bytesPerSecond === null ? [] : [`${megabytes(bytesPerSecond)} MB/s`]),
    file,
  ];
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
