import { splitReasoning } from '../judge-prompt.ts';
import { type NoScoreReason, wordInPlace } from './scored-number.ts';

/** A score read from words. */
export interface ReadScore {
  readonly score: number | null;
  /** Where there is no score. */
  readonly reason?: Extract<NoScoreReason, 'refusal' | 'code' | 'out-of-range' | 'no-score'>;
}

/** The score's name before it, and a scale after it. */
const name = String.raw`(?:(?:the\s+)?(?:final\s+|overall\s+)?(?:score|rating)(?:\s+is|\s*[:=])\s*)?`;
const scale = String.raw`(?:\s*(?:\/|out\s+of)\s*100|\s*%|\s+points)?`;
const numberAlone = new RegExp(String.raw`^${name}(-?\d+)${scale}\s*\.?$`, 'i');

/** A line that holds a score and little else is shorter, in characters. */
const longestLine = 200;

/**
 * Reads the score of a judge that gives no log-probabilities from what it says.
 *
 * Read are, on the first line that is not empty, after any `<think>` part: a whole number 0 .. 100 alone (`85`, `85.`,
 * `**85**`), on a scale of 100 (`85/100`, `85 out of 100`, `85 %`, `85 points`) and after a name (`Score: 85`, `The rating is
 * 85`); and an object of JSON with a whole number as its `score`, in a fence of Markdown or not. Nothing else is: a span
 * ('between 20 and 30'), a fraction (8.5), another scale (8/10), a sign (+5), digits of other scripts (full-width ones) and a
 * number somewhere in a sentence are no score.
 */
export function readScore(text: string): ReadScore {
  const { answer } = splitReasoning(text);
  const said = answer.trim();
  const word = wordInPlace(bare(said));
  if (word !== undefined) return { score: null, reason: word };
  const fromJson = scoreOfJson(said);
  if (fromJson !== undefined) return inRange(fromJson);
  const [firstLine = ''] = said.split('\n', 1);
  const line = bare(firstLine);
  const [, digits] = (line.length <= longestLine && numberAlone.exec(line)) || [];
  return digits === undefined ? { score: null, reason: 'no-score' } : inRange(Number(digits));
}

function inRange(value: number): ReadScore {
  return value >= 0 && value <= 100 ? { score: value } : { score: null, reason: 'out-of-range' };
}

/** Without Markdown's emphasis and quotation marks. */
function bare(line: string): string {
  return line.replace(/[*_`"']/g, '').trim();
}

/** The `score` of an object, a whole number or its digits as a string; undefined when there is none. */
function scoreOfJson(said: string): number | undefined {
  const unfenced = said
    .replace(/^```(?:json)?/i, '')
    .replace(/```$/, '')
    .trim();
  if (!unfenced.startsWith('{')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(unfenced);
  } catch {
    return undefined;
  }
  const { score } = value as { score?: unknown };
  if (typeof score === 'string' && /^-?\d+$/.test(score)) return Number(score);
  return Number.isInteger(score) ? (score as number) : undefined;
}
