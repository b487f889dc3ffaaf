import type { EndpointWait, EvaluationProgress } from '@safetune/eval';
import { formatDuration } from '../terminal/duration.ts';
import { bar, createProgressLine } from '../terminal/progress-line.ts';

/** The line of progress of an evaluation. */
export interface EvaluationLine {
  readonly onProgress: (progress: EvaluationProgress) => void;
  /** Hears of servers that are waited for. */
  readonly onWait: (wait: EndpointWait | null) => void;
  end(): void;
}

export function evaluationLine(): EvaluationLine {
  const line = createProgressLine();
  return {
    onProgress: (progress) => line.update(...progressParts(progress)),
    onWait(wait) {
      if (wait !== null) line.update(...waitParts(wait));
    },
    end: () => line.end(),
  };
}

/** The parts of the line, the most important first. */
function progressParts(progress: EvaluationProgress): string[] {
  const { phase, done, total, perSecond, secondsLeft, endpointErrors } = progress;
  return [
    `${bar(done, total)}${phase} ${done}/${total}`,
    ...(secondsLeft === null ? [] : [`${formatDuration(secondsLeft)} left`]),
    ...(endpointErrors === 0 ? [] : [`${endpointErrors} unscored: the judge failed`]),
    ...(perSecond === null ? [] : [`${perSecond.toPrecision(2)} answers/s`]),
  ];
}

function waitParts({ url, reason, nextTryMs, patienceLeftMs }: EndpointWait): string[] {
  return [
    `waiting for ${url}`,
    `next try in ${formatDuration(nextTryMs / 1000)}`,
    reason,
    `given up in ${formatDuration(patienceLeftMs / 1000)}`,
  ];
}
