/** Data files by the name of their split. */
export type Splits = ReadonlyMap<string, readonly string[]>;

/** Words that tell a split in a path, as in Python's `datasets`. */
const words: Readonly<Record<string, string>> = {
  train: 'train|training',
  validation: 'validation|valid|dev|val',
  test: 'test|testing|eval|evaluation',
};

const sharded = /^(?:.*\/)?([\w.]+)-\d{5}-of-\d{5}(?:-[0-9a-f]+)?\.[^/]*$/;

/**
 * The splits that the names of data files tell, by the rules of Python's `datasets`, the first that says anything: shards
 * (`data/train-00000-of-00002.parquet`), names of folders, names of files; without any all files are `train`.
 */
export function splitsByName(files: readonly string[]): Splits {
  const rules = [shardSplit, folderSplit, fileSplit];
  for (const rule of rules) {
    const splits = group(files, rule);
    if (splits.size > 0) return splits;
  }
  return new Map([['train', files]]);
}

function group(files: readonly string[], splitOf: (path: string) => string | undefined): Splits {
  const splits = new Map<string, string[]>();
  for (const file of files) {
    const split = splitOf(file);
    if (split !== undefined) splits.set(split, [...(splits.get(split) ?? []), file]);
  }
  return splits;
}

function shardSplit(path: string): string | undefined {
  return sharded.exec(path)?.[1];
}

function folderSplit(path: string): string | undefined {
  for (const folder of path.split('/').slice(0, -1)) {
    const split = splitIn(folder);
    if (split !== undefined) return split;
  }
  return undefined;
}

function fileSplit(path: string): string | undefined {
  return splitIn(path.slice(path.lastIndexOf('/') + 1));
}

/** A split's word between borders: `my-train.csv`, `train_1.csv`, but not `training-set` for `train`, nor `latest`. */
function splitIn(name: string): string | undefined {
  return Object.keys(words).find((split) =>
    new RegExp(`(?:^|[-._ 0-9])(?:${words[split]})(?:$|[-._ 0-9])`).test(name),
  );
}
