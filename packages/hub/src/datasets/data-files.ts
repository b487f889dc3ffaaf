/** Files beside the data that have a data file's ending. */
const notData = new Set(['config.json', 'dataset_dict.json', 'dataset_info.json', 'dataset_infos.json']);

const form = /\.(jsonl|ndjson|json|csv|tsv|parquet|txt)(?:\.(?:gz|zst))?$/i;

/** Whether a path has the ending of a format that data sets come in, compressed or not. */
export function isDataFile(path: string): boolean {
  return form.test(path);
}

/** Of the files of a repository those that hold data: of the commonest format, where there are several. */
export function dataFiles(paths: readonly string[]): string[] {
  const byFormat = new Map<string, string[]>();
  for (const path of [...paths].sort()) {
    const format = form.exec(path)?.[1]?.toLowerCase();
    const isHidden = path.split('/').some((part) => part.startsWith('.') || part.startsWith('__'));
    if (format === undefined || isHidden || notData.has(path.slice(path.lastIndexOf('/') + 1))) continue;
    byFormat.set(format, [...(byFormat.get(format) ?? []), path]);
  }
  // Stable: of equally common ones the first.
  const [commonest] = [...byFormat.values()].sort((a, b) => b.length - a.length);
  return commonest ?? [];
}
