import type { EvaluationProgress } from '@safetune/eval';
import { formatDuration } from '../terminal/duration.ts';
import { bar } from '../terminal/progress-line.ts';

/** The parts of the line of progress, the most important first. */
export function progressParts(progress: EvaluationProgress): string[] {
  const { phase, done, total, perSecond, secondsLeft, endpointErrors } = progress;
  return [
    `${bar(done, total)}${phase} ${done}/${total}`,
    ...(secondsLeft === null ? [] : [`${formatDuration(secondsLeft)} left`]),
    ...(endpointErrors === 0 ? [] : [`${endpointErrors} unscored: the judge failed`]),
    ...(perSecond === null ? [] : [`${perSecond.toPrecision(2)} answers/s`]),
  ];
}
