import { DatasetFormatError, EmptyDatasetError } from '../errors.ts';
import { type ChatExample, parseChatExample, parseTextExample } from '../example/example.ts';
import type { DataFile } from '../formats/data-file.ts';
import type { Format } from '../formats/format.ts';
import type { ExampleOrigin } from '../origin.ts';
import type { Shape } from '../shapes/shape.ts';
import { requireRow, shapeOf } from '../shapes/shapes.ts';

/** What a pass over a file has found. */
export interface FileReport {
  readonly file: string;
  readonly format: string;
  readonly compression?: string;
  /** How its rows are written: `alpaca`. */
  readonly shape: string;
  readonly examples: number;
  /** Rows that were left out by what the data set says of them, by the reason. */
  readonly leftOut: Readonly<Record<string, number>>;
}

/**
 * The examples of one file, streamed.
 *
 * @param named - how its rows are written. Default: as the first row shows.
 * @param onBadRow - hears of a row that is no example, which is then left out. Default: it is thrown.
 * @param onEnd - hears what was found, when all of it was read.
 * @throws {@link DatasetFormatError} at a row that is no example, or written otherwise than the first; {@link EmptyDatasetError}
 * when there is no example.
 */
export async function* readExamples(
  file: DataFile,
  format: Format,
  named: Shape | undefined,
  onEnd: (report: FileReport) => void,
  onBadRow?: (error: DatasetFormatError) => void,
): AsyncGenerator<ChatExample, void, undefined> {
  const leftOut: Record<string, number> = {};
  let shape = named;
  let examples = 0;
  for await (const { value, origin } of format.rows(file)) {
    let example: ChatExample;
    try {
      const row = requireRow(value, origin);
      const found = named ?? shapeOf(row, origin);
      shape ??= found;
      if (found !== shape) throw otherShape(origin, found, shape);
      const shaped = shape.read(row, origin);
      if ('leftOut' in shaped) {
        leftOut[shaped.leftOut] = (leftOut[shaped.leftOut] ?? 0) + 1;
        continue;
      }
      if ('text' in shaped) example = parseTextExample(shaped.text, origin);
      else {
        example = parseChatExample(shaped.chat, origin, shape.columns);
        if ('rejected' in shaped) {
          const { messages } = parseChatExample(shaped.rejected, origin, shape.columns);
          example = { ...example, rejected: messages };
        }
      }
    } catch (error) {
      if (onBadRow === undefined || !DatasetFormatError.isInstance(error)) throw error;
      onBadRow(error);
      continue;
    }
    yield example;
    examples += 1;
  }
  if (shape === undefined || examples === 0) {
    const reasons = Object.entries(leftOut).map(([reason, rows]) => `${rows} rows are left out: ${reason}`);
    throw new EmptyDatasetError(
      `${file.path}: the file holds no example${reasons.map((one) => `; ${one}`).join('')}.`,
    );
  }
  onEnd({
    file: file.path,
    format: format.name,
    ...(file.compression && { compression: file.compression }),
    shape: shape.name,
    examples,
    leftOut,
  });
}

function otherShape(origin: ExampleOrigin, found: Shape, shape: Shape): DatasetFormatError {
  return new DatasetFormatError(
    origin,
    `this row is written as ${found.name} (${found.columns}), but the file began as ${shape.name} (${shape.columns})`,
    `Keep them in files of their own, or name the shape of all: ${shape.name} or ${found.name}`,
  );
}
