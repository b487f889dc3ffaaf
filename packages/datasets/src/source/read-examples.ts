import { DatasetFormatError, EmptyDatasetError } from '../errors.ts';
import { type ChatExample, parseChatExample, parseTextExample } from '../example/example.ts';
import type { DataFile } from '../formats/data-file.ts';
import type { Format, OnBadRow, Row } from '../formats/format.ts';
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
 * @param onBadRow - hears of a row that is no example, which is then left out, and of what ends the reading of a file. Default: it is
 * thrown.
 * @param onEnd - hears what was found, when all of it was read.
 * @throws {@link DatasetFormatError} at a row that is no example, or written otherwise than the first; {@link EmptyDatasetError}
 * when there is no example, nor a bad row that was heard of.
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
  let bad = 0;
  const leaveOut =
    onBadRow &&
    ((error: DatasetFormatError) => {
      bad += 1;
      onBadRow(error);
    });
  for await (const { value, origin } of readableRows(file, format, leaveOut)) {
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
      if (leaveOut === undefined || !DatasetFormatError.isInstance(error)) throw error;
      leaveOut(error);
      continue;
    }
    yield example;
    examples += 1;
  }
  if (shape === undefined || examples === 0) {
    // Why is told already.
    if (bad > 0) return;
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

/** The rows of a file. Who hears of bad ones hears last of one behind which nothing can be read, if there is one. */
async function* readableRows(
  file: DataFile,
  format: Format,
  onBadRow: OnBadRow | undefined,
): AsyncGenerator<Row, void, undefined> {
  try {
    yield* format.rows(file, onBadRow);
  } catch (error) {
    if (onBadRow === undefined || !DatasetFormatError.isInstance(error)) throw error;
    const { line, reason } = error;
    const origin = { file: error.file, line };
    onBadRow(
      new DatasetFormatError(origin, `${reason}; nothing behind it in this file was read`, undefined, {
        cause: error,
      }),
    );
  }
}

function otherShape(origin: ExampleOrigin, found: Shape, shape: Shape): DatasetFormatError {
  return new DatasetFormatError(
    origin,
    `this row is written as ${found.name} (${found.columns}), but the file began as ${shape.name} (${shape.columns})`,
    `Keep them in files of their own, or name the shape of all: ${shape.name} or ${found.name}`,
  );
}
