import type { Format } from './format.ts';

/** Tables by columns, compressed within. Its reader is loaded with the first such file. */
export const parquet: Format = {
  name: 'parquet',
  title: 'Parquet',
  endings: ['parquet', 'pq'],
  isBinary: true,
  matches: ({ bytes }) => bytes.subarray(0, 4).toString('latin1') === 'PAR1',
  async *rows(file) {
    const { parquetRows } = await import('./parquet-rows.ts');
    yield* file.withPath((path) => parquetRows(path, file.path));
  },
};
