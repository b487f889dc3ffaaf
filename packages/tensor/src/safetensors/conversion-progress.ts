import { tensorBytes } from './format.ts';
import type { TensorRegion } from './read.ts';
import type { TensorStream } from './write.ts';

/** How far a conversion of weights is. It reads them all, to know them again, then converts them. */
export interface ConversionProgress {
  readonly step: 'reading' | 'converting';
  /** Bytes read, or bytes written, so far. */
  readonly done: number;
  /** Bytes to read, or to write. */
  readonly total: number;
}

export type OnConversion = (progress: ConversionProgress) => void;

/** Adds up the bytes of the first step. */
export function readingProgress(
  sources: readonly TensorRegion[],
  onProgress: OnConversion,
): (count: number) => void {
  const total = sources.reduce((sum, { byteLength }) => sum + byteLength, 0);
  let done = 0;
  return (count) => {
    done += count;
    onProgress({ step: 'reading', done, total });
  };
}

/** The streams, which tell of their bytes as they are written. */
export function tellingStreams(
  streams: readonly TensorStream[],
  onProgress: OnConversion,
): readonly TensorStream[] {
  const total = streams.reduce((sum, stream) => sum + tensorBytes(stream), 0);
  let done = 0;
  return streams.map((stream) => ({
    ...stream,
    chunks: async function* () {
      for await (const chunk of stream.chunks()) {
        done += chunk.length;
        onProgress({ step: 'converting', done, total });
        yield chunk;
      }
    },
  }));
}
