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

function problemOf(
  request: AnswerRequest | undefined,
  isAgain: boolean,
  { answer, missing }: Omit<DrawnAnswer, 'index'>,
): string | undefined {
  if (request === undefined) return 'was not asked for';
  if (isAgain) return 'came twice';
  if (answer === null) return missing === undefined ? 'is missing without a reason' : undefined;
  return typeof answer === 'string' ? undefined : 'is not text';
}
