import { RE2JS } from 're2js';
import { SentinelFileError, TrainOptionError } from '../errors.ts';
import { readText } from './answer-pairs.ts';

/** What an answer must not hold. */
export interface AnswerRule {
  /** As it was written. */
  readonly text: string;
  isBrokenBy(answer: string): boolean;
}

const between = /^\/(.*)\/(i?)$/s;

/**
 * A rule from its text: `/PATTERN/` or `/PATTERN/i`, a regular expression of RE2's syntax, matched in time linear to the answer's
 * length; or else words, which must stand in the answer as such, in upper or lower case.
 *
 * @throws TrainOptionError for an expression that is none
 */
export function answerRule(text: string): AnswerRule {
  const [, pattern, flags] = between.exec(text) ?? [];
  const source = pattern ?? `(?:^|[^\\pL\\pN])${RE2JS.quote(text)}(?:$|[^\\pL\\pN])`;
  const insensitive = pattern === undefined || flags === 'i';
  try {
    const compiled = RE2JS.compile(source, insensitive ? RE2JS.CASE_INSENSITIVE : 0);
    return { text, isBrokenBy: (answer) => compiled.matcher(answer).find() };
  } catch (cause) {
    throw new TrainOptionError('sentinel', `'${text}' is no rule: ${(cause as Error).message}`);
  }
}

/**
 * Reads rules from a text file: one {@link answerRule} a line; empty lines and lines that begin with `#` are skipped.
 *
 * @returns their texts, each of them known to be a rule
 * @throws SentinelFileError with the line that is none, or when there are none.
 */
export async function readRules(file: string): Promise<string[]> {
  const rules: string[] = [];
  for (const [index, line] of (await readText(file)).split('\n').entries()) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    try {
      answerRule(text);
    } catch (cause) {
      throw new SentinelFileError(file, index + 1, (cause as Error).message, { cause });
    }
    rules.push(text);
  }
  if (rules.length === 0) throw new SentinelFileError(file, undefined, 'holds no rules');
  return rules;
}

/**
 * Reads questions from a text file, one a line; empty lines and lines that begin with `#` are skipped.
 *
 * @throws SentinelFileError when there are none.
 */
export async function readPrompts(file: string): Promise<string[]> {
  const lines = (await readText(file)).split('\n').map((line) => line.trim());
  const prompts = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (prompts.length === 0) throw new SentinelFileError(file, undefined, 'holds no questions');
  return prompts;
}
