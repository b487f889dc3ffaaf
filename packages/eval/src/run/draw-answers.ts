import { AnswerSourceError } from '../errors.ts';
import type { AnswerRequest, AnswerSource, DrawnAnswer } from '../sources/answer-source.ts';
import { progressMeter, type Watch } from './progress.ts';
import type { RunMemory } from './run-memory.ts';

/**
 * Draws the answers that the memory does not hold yet.
 *
 * @throws {AnswerSourceError} when the source leaves a request unanswered or answers one twice.
 */
export async function drawAnswers(
  requests: readonly AnswerRequest[],
  source: AnswerSource,
  memory: RunMemory,
  { onProgress, now, signal }: Watch,
): Promise<void> {
  const open = requests.filter((request) => memory.answer(request) === undefined);
  refuseChoices(open, source);
  const counts = { total: requests.length, resumed: requests.length - open.length };
  const advance = progressMeter('answering', counts, onProgress, now);
  if (open.length === 0) return;
  const drawn = new Set<number>();
  for await (const { index, ...answer } of source.answers(open, signal ? { signal } : {})) {
    const request = open[index];
    const problem = problemOf(request, drawn.has(index), answer);
    if (request === undefined || problem !== undefined) {
      const message = `the answer to request ${index} of ${open.length} ${problem}`;
      throw new AnswerSourceError(source.name, message);
    }
    drawn.add(index);
    memory.recordAnswer(request, answer);
    advance();
    signal?.throwIfAborted();
  }
  if (drawn.size < open.length)
    throw new AnswerSourceError(source.name, `answered ${drawn.size} of ${open.length} requests`);
}

function refuseChoices(requests: readonly AnswerRequest[], source: AnswerSource): void {
  const choices = requests.filter(({ letters }) => letters !== undefined);
  if (choices.length === 0 || source.givesLogProbabilities === true) return;
  const names = [...new Set(choices.map(({ questionId }) => `'${questionId}'`))];
  const shown = names.length > 5 ? [...names.slice(0, 5), `${names.length - 5} more`] : names;
  const message = `gives no log-probabilities, which multiple-choice questions are scored by: ${shown.join(', ')}; ask another source, or leave them out`;
  throw new AnswerSourceError(source.name, message);
}

function problemOf(
  request: AnswerRequest | undefined,
  isAgain: boolean,
  { answer, missing, letterLogProbabilities }: Omit<DrawnAnswer, 'index'>,
): string | undefined {
  if (request === undefined) return 'was not asked for';
  if (isAgain) return 'came twice';
  if (answer === null) return missing === undefined ? 'is missing without a reason' : undefined;
  if (typeof answer !== 'string') return 'is not text';
  if (request.letters === undefined || request.letters.length === letterLogProbabilities?.length)
    return undefined;
  return `does not tell how probable each of ${request.letters.join(', ')} is`;
}
