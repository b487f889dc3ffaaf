import type { LoadModelOptions } from '@safetune/models';
import { formatDuration } from './duration.ts';
import { bar, createProgressLine, type ProgressLine } from './progress-line.ts';

type OnConversion = NonNullable<LoadModelOptions['onConversion']>;

/** A model that is there sooner needs no words. */
const secondsOfSilence = 1;
/** Chunks come by the hundred; ten times a second is enough to look at. */
const millisecondsBetween = 100;

/** Draws how far the conversion of a model's weights is, which happens once; nothing when it is done at once. */
export function conversionLine(precision: string, now: () => number = () => performance.now()): OnConversion {
  let line: ProgressLine | undefined;
  let step: string | undefined;
  let [started, reached, drawn] = [0, 0, 0];
  const begun = now();
  return (progress) => {
    const { done, total } = progress;
    if (progress.step !== step || done < reached) {
      line?.end();
      line = undefined;
      step = progress.step;
      started = step === 'reading' ? begun : now();
    }
    reached = done;
    const time = now();
    const seconds = (time - started) / 1000;
    if (seconds < secondsOfSilence || (time - drawn < millisecondsBetween && done < total)) return;
    drawn = time;
    line ??= createProgressLine();
    const perSecond = done / seconds;
    const what = step === 'reading' ? 'reading the weights' : `converting them to ${precision}, once`;
    line.update(
      `${bar(done, total)}${what}: ${Math.floor((100 * done) / total)} %`,
      `${formatDuration((total - done) / perSecond)} left`,
      `${gigabytes(done)} of ${gigabytes(total)} GB`,
      `${(perSecond / 1e6).toFixed(0)} MB/s`,
    );
    if (done >= total) line.end();
  };
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(2);
}
