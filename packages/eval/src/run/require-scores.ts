import { InvalidOptionError, UnscoredError } from '../errors.ts';
import type { EvaluationResult } from './evaluation-result.ts';

/** Share of unscored answers above which an evaluation counts as failed, unless one says otherwise. */
export const defaultMaxUnscored = 0.1;

/**
 * Returns the result unless too many of its answers have no score. Write the report first: it holds the answers, what the
 * judge said, and the errors.
 *
 * @param maxUnscored largest share of unscored answers, 0 .. 1; default 0.1.
 * @throws {UnscoredError} naming the commonest reasons and what to do; also when no answer exists at all.
 */
export function requireScores(
  result: EvaluationResult,
  { maxUnscored = defaultMaxUnscored }: { readonly maxUnscored?: number } = {},
): EvaluationResult {
  if (!(maxUnscored >= 0 && maxUnscored <= 1))
    throw new InvalidOptionError('maxUnscored', `must lie between 0 and 1, not ${maxUnscored}`);
  const { answers, missing, notRated, unscored } = result.summary.overall;
  const judge = result.settings.judge.name;
  if (answers === missing.count) {
    const message = `none of the ${answers} answers exists (${countsText(missing.byReason)}): there is nothing to judge`;
    throw new UnscoredError(judge, answers, answers, message);
  }
  const judgedAnswers = answers - missing.count - notRated;
  if (unscored.count <= maxUnscored * judgedAnswers) return result;
  const [error] = endpointErrors(result);
  const message = [
    `the judge '${judge}' left ${unscored.count} of ${judgedAnswers} answers unscored, more than ${100 * maxUnscored} %: ${countsText(unscored.byReason)}.`,
    ...(error === undefined
      ? ['The answers are kept: look at what the judge said in the report, and have them judged anew.']
      : [
          `The commonest error (${error.count}): ${error.message}.`,
          'The answers are kept, and the same command asks again for what failed.',
        ]),
  ].join(' ');
  throw new UnscoredError(judge, judgedAnswers, unscored.count, message);
}

/** The distinct endpoint errors of an evaluation, the most frequent first. */
export function endpointErrors(
  result: Pick<EvaluationResult, 'rows'>,
): readonly { readonly message: string; readonly count: number }[] {
  const failed = result.rows.filter(({ error }) => error !== undefined);
  return [...Map.groupBy(failed, ({ error }) => error!)]
    .map(([message, rows]) => ({ message, count: rows.length }))
    .sort((a, b) => b.count - a.count);
}

/** 'no-score 20, refusal 3', the commonest first. */
function countsText(byReason: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(byReason).sort(([, a], [, b]) => b - a);
  return sorted.map(([reason, count]) => `${reason} ${count}`).join(', ');
}
