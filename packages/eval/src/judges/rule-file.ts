import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { InvalidOptionError, YamlTextError } from '../errors.ts';
import { problemsOf } from '../questions/field-problems.ts';
import { compiledRule } from '../questions/keyword-rules.ts';
import { parseYaml, type YamlText } from '../questions/yaml-text.ts';
import { RuleFileError } from './judge-errors.ts';

/** One rule of a file: what it looks for, and what it says of an answer in which that stands. */
export interface AnswerRule {
  /** Words, or `/PATTERN/` and `/PATTERN/i` of RE2's syntax; one of them is enough. See `KeywordRules`. */
  readonly when: readonly string[];
  readonly label?: string;
  /** 0 .. 100 by name; those not named are the file's `otherwise`. null: no score. */
  readonly scores?: Readonly<Record<string, number | null>>;
}

/** Rules that score answers without a model. */
export interface AnswerRules {
  /** Shown in reports. */
  readonly name: string;
  /** Scores of an answer that no rule speaks of. */
  readonly otherwise: Readonly<Record<string, number | null>>;
  /** The first that speaks of an answer decides. */
  readonly rules: readonly AnswerRule[];
}

const between = 'must be a number from 0 to 100, or null for none';
const scores = z.record(
  z.string(),
  z.number(between).min(0, between).max(100, between).nullable(),
  'must be numbers from 0 to 100 by the name of the score',
);
const text = (what: string) => z.string(what).min(1, what);
const words = 'must be a list of words or /PATTERNS/, at least one';

const ruleFields = z.strictObject(
  {
    when: z.array(text(words), words).min(1, words),
    label: text('must be a name').optional(),
    scores: scores.optional(),
  },
  'must be a mapping of when, label and scores',
);

const fields = z.strictObject({
  name: text('must be a name').optional(),
  otherwise: scores.optional(),
  rules: z.array(ruleFields, 'must be a list of rules').min(1, 'must be a list of at least one rule'),
});

/**
 * Reads rules from YAML or JSON: `{name?, otherwise?, rules: [{when, label?, scores?}]}`.
 *
 * @param fileName what error messages call the file, and the rules when they have no name.
 * @throws {RuleFileError} for text that is not YAML, missing or unknown fields, a score outside 0 .. 100, a rule without words
 *   and a pattern that is none.
 */
export function parseRules(ruleText: string, fileName: string): AnswerRules {
  const { value, lineOf } = readYaml(ruleText, fileName);
  const parsed = fields.safeParse(value);
  if (!parsed.success) {
    const known = Object.keys(fields.shape);
    const problems = problemsOf(parsed.error, known, 'must be a mapping with rules');
    const path = parsed.error.issues[0]?.path.filter((key) => typeof key !== 'symbol') ?? [];
    throw new RuleFileError(fileName, nearestLine(lineOf, path), problems, { cause: parsed.error });
  }
  const { name = fileName, otherwise = {}, rules } = parsed.data;
  for (const [index, { when }] of rules.entries()) {
    for (const [place, each] of when.entries()) {
      try {
        compiledRule(each);
      } catch (cause) {
        if (!InvalidOptionError.isInstance(cause)) throw cause;
        const line = lineOf(['rules', index, 'when', place]);
        throw new RuleFileError(fileName, line, cause.message, { cause });
      }
    }
  }
  return {
    name,
    otherwise,
    rules: rules.map(({ when, label, scores: given }) => ({
      when,
      ...(label !== undefined && { label }),
      ...(given !== undefined && { scores: given }),
    })),
  };
}

/** The line of a value, or of what it is missing from. */
function nearestLine(lineOf: YamlText['lineOf'], path: readonly (string | number)[]): number | undefined {
  const depths = [...path.keys(), path.length].reverse();
  return depths.map((depth) => lineOf(path.slice(0, depth))).find((line) => line !== undefined);
}

/**
 * Reads rules from a file; see {@link parseRules}.
 *
 * @throws {RuleFileError} also when the file cannot be read.
 */
export async function loadRules(path: string): Promise<AnswerRules> {
  let ruleText: string;
  try {
    ruleText = await readFile(path, 'utf8');
  } catch (cause) {
    throw new RuleFileError(path, undefined, `cannot be read (${(cause as Error).message})`, { cause });
  }
  return parseRules(ruleText, path);
}

function readYaml(ruleText: string, fileName: string): YamlText {
  try {
    return parseYaml(ruleText);
  } catch (cause) {
    if (!YamlTextError.isInstance(cause)) throw cause;
    throw new RuleFileError(fileName, cause.line, `not valid YAML: ${cause.message}`, { cause });
  }
}
