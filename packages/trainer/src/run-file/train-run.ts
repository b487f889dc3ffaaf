import type { ChatExample } from '@safetune/datasets';
import type { Fingerprint } from '../run/differences.ts';
import { trainIntoDirectory } from '../run/run-directory.ts';
import type { TrainOptions, TrainResult } from '../run/train-options.ts';
import { RunChangedError, RunFileError } from './errors.ts';
import { type OpenedRun, trainingOptions } from './open-run.ts';
import type { RunSource } from './read-run.ts';
import { requireOwnRunFile, writeResolvedRun } from './resolved-run.ts';
import { changesOf, dataDigests, recordOf, surroundingsOf } from './run-record.ts';

export interface TrainRunOptions extends Pick<TrainOptions, 'onEvent' | 'signal'> {
  /** Where the adapter, its metrics and `run.yaml` go. Default: the run's `out`. */
  readonly directory?: string;
  /** Replace a finished adapter, once the new one is whole. Default false: refuse. */
  readonly overwrite?: boolean;
  /** Train although what the file's record names has changed. Default false: refuse. */
  readonly allowChanged?: boolean;
  /** Hears what differs from the file's record and is no reason to refuse: what was asked for, other versions, another machine. */
  readonly onDifferences?: (differences: readonly string[]) => void;
  /** Versions of what takes part besides the packages of training, by name, for the record. */
  readonly versions?: Readonly<Record<string, string>>;
  /** Hears of examples that are left out, as all their responses lie behind `max_length`. */
  readonly onSkipped?: (example: ChatExample) => void;
}

/**
 * Trains an opened run into its folder, and writes it there as it was resolved, with a record of what it was made of: `run.yaml`.
 * A file with such a record is repeated: on the same machine with the same versions to the same bytes.
 *
 * @throws RunChangedError when the file has a record and something it names is not as it was, unless it was given besides the
 *   file; RunFileError when no folder is named, or it holds a `run.yaml` that is no record; and what {@link trainIntoDirectory} throws.
 *
 * @example
 * const opened = await openRun(await readRun({ file: 'run.yaml' }));
 * await trainRun(opened, { directory: 'adapter', onEvent: console.log });
 */
export async function trainRun(opened: OpenedRun, options: TrainRunOptions = {}): Promise<TrainResult> {
  const { source, files } = opened;
  const {
    directory = source.run.out,
    overwrite = false,
    versions,
    onEvent = () => {},
    onSkipped,
    signal,
  } = options;
  if (directory === undefined) {
    throw new RunFileError(source.document?.file, [
      { message: "'out' is missing: the folder for the adapter" },
    ]);
  }
  if (!overwrite) await requireOwnRunFile(directory);
  const data = await dataDigests(files);
  let facts: Fingerprint = {};
  const settings = trainingOptions(opened);
  return trainIntoDirectory({
    ...settings,
    tokenize: { ...settings.tokenize, ...(onSkipped === undefined ? {} : { onSkipped }) },
    directory,
    overwrite,
    ...(signal === undefined ? {} : { signal }),
    onFingerprint(fingerprint) {
      facts = fingerprint;
      compare(source, { data, facts }, options);
    },
    onEvent(event, control) {
      if (event.type === 'start')
        writeResolvedRun(directory, opened, {
          memory: event.memory,
          record: recordOf(data, facts, versions),
        });
      onEvent(event, control);
    },
  });
}

/** Fields that say where and how a run is run, not what it computes. */
const withoutEffect: readonly string[] = ['out', 'memory', 'memory_limit', 'threads', 'checkpoint_every'];

function compare(
  { run: { record }, given, document }: RunSource,
  present: Parameters<typeof changesOf>[1],
  { allowChanged = false, onDifferences = () => {} }: TrainRunOptions,
): void {
  if (record === undefined) return;
  const changes = changesOf(record, present);
  const isRepetition = given.every(({ path }) => withoutEffect.includes(path[0] ?? ''));
  if (changes.length > 0 && isRepetition && !allowChanged) {
    throw new RunChangedError(document?.file ?? 'this run', changes);
  }
  const differences = [...changes, ...surroundingsOf(record)];
  if (differences.length > 0) onDifferences(differences);
}
