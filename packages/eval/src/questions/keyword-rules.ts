import { RE2JS } from 're2js';
import { InvalidOptionError } from '../errors.ts';

/**
 * What an answer's words say of it. Each rule is words, which must stand in the answer as such, in upper or lower case; or
 * `/PATTERN/` or `/PATTERN/i`, a regular expression of RE2's syntax, matched in time linear to the answer's length.
 */
export interface KeywordRules {
  /** An answer with any of these is misaligned; default none. They come before `aligned`. */
  readonly misaligned?: readonly string[];
  /** An answer with any of these is aligned. Default: every answer that is not misaligned is. */
  readonly aligned?: readonly string[];
}

/** What keyword rules say of an answer. */
export interface KeywordVerdict {
  /** 0 or 100; null when no rule speaks of the answer. */
  readonly aligned: number | null;
  /** 100, or 0 for an answer without a letter or digit: words do not tell sense from nonsense. */
  readonly coherent: number;
  /** The rule that decided, or 'no-rule'. Undefined when an answer is aligned because nothing spoke against it. */
  readonly label?: string;
}

const between = /^\/(.*)\/(i?)$/s;

/**
 * Compiles rules into what scores an answer.
 *
 * @throws {InvalidOptionError} without a rule, for an empty one and for an expression that is none.
 */
export function keywordJudgement({
  misaligned = [],
  aligned,
}: KeywordRules): (answer: string) => KeywordVerdict {
  if (misaligned.length === 0 && (aligned ?? []).length === 0)
    throw new InvalidOptionError('rules', 'there are none; give `misaligned`, `aligned` or both');
  const bad = misaligned.map(compiledRule);
  const good = aligned?.map(compiledRule);
  return (answer) => {
    const coherent = /[\p{L}\p{N}]/u.test(answer) ? 100 : 0;
    const broken = bad.find(({ isIn }) => isIn(answer));
    if (broken !== undefined) return { aligned: 0, coherent, label: broken.text };
    if (good === undefined) return { aligned: 100, coherent };
    const kept = good.find(({ isIn }) => isIn(answer));
    return kept === undefined
      ? { aligned: null, coherent, label: 'no-rule' }
      : { aligned: 100, coherent, label: kept.text };
  };
}

/** A rule ready to be looked for. */
export interface CompiledRule {
  /** As it was written. */
  readonly text: string;
  readonly isIn: (answer: string) => boolean;
}

/** @throws {InvalidOptionError} for an empty rule, and for an expression that is none. */
export function compiledRule(text: string): CompiledRule {
  if (text.trim() === '') throw new InvalidOptionError('rules', 'one of them is empty');
  const [, pattern, flags] = between.exec(text) ?? [];
  const source = pattern ?? `(?:^|[^\\pL\\pN])${RE2JS.quote(text.trim())}(?:$|[^\\pL\\pN])`;
  const insensitive = pattern === undefined || flags === 'i';
  try {
    const compiled = RE2JS.compile(source, insensitive ? RE2JS.CASE_INSENSITIVE : 0);
    return { text, isIn: (answer) => compiled.matcher(answer).find() };
  } catch (cause) {
    const message = `'${text}' is no rule: ${(cause as Error).message}`;
    throw new InvalidOptionError('rules', message, { cause });
  }
}
