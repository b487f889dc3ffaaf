/** How far a download is. */
export interface DownloadProgress {
  /** The file that comes at present. */
  readonly file: string;
  /** Bytes that are there, those of earlier tries and finished files of this download included. */
  readonly bytes: number;
  readonly totalBytes: number;
  /** Over the last seconds; null until there is something to tell. */
  readonly bytesPerSecond: number | null;
  /** Null as long as there is no rate. */
  readonly secondsLeft: number | null;
}

/** Rates are of what came within this time. */
const windowMilliseconds = 5000;

/**
 * Counts bytes into progress. What is there already when a file starts is no part of the rate.
 *
 * @param now - milliseconds of a clock that only goes forward
 */
export function progressCounter(
  totalBytes: number,
  onProgress: (progress: DownloadProgress) => void,
  now: () => number = () => performance.now(),
): (file: string, bytes: number, isNew: boolean) => void {
  const samples: { readonly time: number; readonly received: number }[] = [{ time: now(), received: 0 }];
  let received = 0;
  let last = 0;
  return (file, bytes, isNew) => {
    const time = now();
    if (isNew && bytes > last) received += bytes - last;
    last = bytes;
    samples.push({ time, received });
    while (samples.length > 2 && time - samples[1]!.time >= windowMilliseconds) samples.shift();
    const [first] = samples;
    const seconds = (time - first!.time) / 1000;
    const rate = seconds > 0 && received > first!.received ? (received - first!.received) / seconds : null;
    onProgress({
      file,
      bytes,
      totalBytes,
      bytesPerSecond: rate,
      secondsLeft: rate === null ? null : (totalBytes - bytes) / rate,
    });
  };
}
