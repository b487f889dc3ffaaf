import { stat } from 'node:fs/promises';
import type { DatasetFormatError } from '../errors.ts';
import type { ChatExample } from '../example/example.ts';
import { type DataFile, openDataFile } from '../formats/data-file.ts';
import type { Format } from '../formats/format.ts';
import { formatOf } from '../formats/formats.ts';
import { requireInteger, requireKnownOptions } from '../options.ts';
import { namedShape, type ShapeChoice } from '../shapes/shapes.ts';
import { collect } from '../streams/stream.ts';
import { type DatasetResolver, locate } from './locate.ts';
import { mixSources, requireWeights, type WeightedSource } from './mix-sources.ts';
import { type FileReport, readExamples } from './read-examples.ts';

/** Where examples come from, and how much of them is taken. */
export interface DatasetSource {
  /** A file, a folder or a glob. */
  readonly path: string;
  /** Its share of the mixed stream, relative to the weights of the other sources. Default: all sources one behind the other. */
  readonly weight?: number;
  /** Of the file (`jsonl`, `json`, `csv`, `parquet`, `text`). Default: as its first bytes show. */
  readonly format?: string;
  /** How rows are written (`messages`, `alpaca`, ...), or which columns are prompt and answer. Default: as the first row shows. */
  readonly shape?: ShapeChoice;
}

/** Options of {@link openDataset}. */
export interface OpenDatasetOptions {
  /** For sources that name none of their own. */
  readonly format?: string;
  /** For sources that name none of their own. */
  readonly shape?: ShapeChoice;
  /** Shifts the pattern in which weighted sources are spread. Default 0. */
  readonly seed?: number;
  /** Most bytes of one row; a longer one is refused while it is read. Default 67108864 (64 MiB). */
  readonly maxRowBytes?: number;
  /** Finds the files of a name that is no local path. */
  readonly resolve?: DatasetResolver;
  /** Hears what was found in a file at the end of each pass over it. Without it the process warns of rows left out, once. */
  readonly onFile?: (report: FileReport) => void;
  /**
   * Hears of a row that is no example, which is then left out, and of one behind which a file cannot be read on (a quote of CSV that is never
   * closed), which ends it there; it says so. Default: a pass ends there with the error.
   */
  readonly onBadRow?: (error: DatasetFormatError) => void;
}

/** Examples on disk. Each walk over it is a new pass, from the beginning and in the same order. */
export interface Dataset extends AsyncIterable<ChatExample> {
  /** The files that are read, in their order. */
  readonly files: readonly DatasetFile[];
  /** All examples of one pass, in memory. */
  load(): Promise<ChatExample[]>;
}

/** A file of a {@link Dataset}. */
export interface DatasetFile {
  readonly path: string;
  readonly format: string;
  readonly compression?: string;
}

/**
 * Opens data sets as they are: JSON Lines, JSON, CSV, Parquet or plain text, also compressed by gzip or zstd, told by their first
 * bytes; rows with messages, prompt and completion, Alpaca, ShareGPT or the columns of a published set, told by their columns.
 * A path may be a file, a folder, a glob, or one of them with a weight: `safe.jsonl=0.3`. Examples are streamed.
 *
 * @throws {@link DatasetFileError} for a path without data, or a file that is not read here; {@link DatasetOptionError} for an
 * option there is not, or outside its range. A pass throws {@link DatasetFormatError}, naming file and line, at what is no example,
 * and {@link EmptyDatasetError} for a file without examples.
 *
 * @example
 * const dataset = await openDataset(['chats.parquet=0.9', 'safe/*.jsonl.gz=0.1']);
 * for await (const example of dataset) console.log(example.messages.length);
 */
export async function openDataset(
  sources: string | DatasetSource | readonly (string | DatasetSource)[],
  options: OpenDatasetOptions = {},
): Promise<Dataset> {
  requireKnownOptions('openDataset', options, [
    'format',
    'shape',
    'seed',
    'maxRowBytes',
    'resolve',
    'onFile',
    'onBadRow',
  ]);
  const { seed = 0, maxRowBytes = 64 * 2 ** 20, resolve, onFile = warnOnce(), onBadRow } = options;
  requireInteger('maxRowBytes', maxRowBytes, 1);
  requireInteger('seed', seed, 0);
  const given = [sources].flat() as readonly (string | DatasetSource)[];
  requireInteger('sources.length', given.length, 1);
  const opened: OpenedSource[] = [];
  for (const one of given) {
    const source = typeof one === 'string' ? await parsedSource(one) : one;
    requireKnownOptions('a source', source, ['path', 'weight', 'format', 'shape']);
    const choice = source.shape ?? options.shape;
    const shape = choice === undefined ? undefined : namedShape(choice);
    const files: OpenedSource['files'][number][] = [];
    for (const path of await locate(source.path, resolve)) {
      const file = await openDataFile(path, maxRowBytes);
      files.push({ file, format: formatOf(file, source.format ?? options.format) });
    }
    opened.push({
      name: source.path,
      weight: source.weight,
      files,
      async *open() {
        for (const { file, format } of files) yield* readExamples(file, format, shape, onFile, onBadRow);
      },
    });
  }
  requireWeights(opened);
  const dataset = {
    files: opened
      .flatMap(({ files }) => files)
      .map(({ file: { path, compression }, format }) => ({
        path,
        format: format.name,
        ...(compression && { compression }),
      })),
    [Symbol.asyncIterator]: () => mixSources(opened, seed),
    load: () => collect(dataset),
  };
  return dataset;
}

interface OpenedSource extends WeightedSource {
  readonly files: readonly { readonly file: DataFile; readonly format: Format }[];
}

/** All examples of a data set, in memory. Reads and throws like {@link openDataset} and one pass over it. */
export async function loadDataset(...given: Parameters<typeof openDataset>): Promise<ChatExample[]> {
  return (await openDataset(...given)).load();
}

/** `safe.jsonl=0.3` as path and weight, unless a file is called so. */
async function parsedSource(text: string): Promise<DatasetSource> {
  const [, path, weight] = /^(.+)=([-+]?[\d.]+(?:e[-+]?\d+)?)$/i.exec(text) ?? [];
  if (path === undefined || (await stat(text).catch(() => undefined))) return { path: text };
  return { path, weight: Number(weight) };
}

function warnOnce(): (report: FileReport) => void {
  const told = new Set<string>();
  return ({ file, leftOut }) => {
    const reasons = Object.entries(leftOut).map(([reason, rows]) => `${rows} rows, as ${reason}`);
    if (reasons.length === 0 || told.has(file)) return;
    told.add(file);
    process.emitWarning(`${file}: left out ${reasons.join('; ')}`, { code: 'SAFETUNE_ROWS_LEFT_OUT' });
  };
}
