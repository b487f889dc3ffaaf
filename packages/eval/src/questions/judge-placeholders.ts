import { nearestName } from '../nearest-name.ts';
import { printable } from '../printable.ts';

/** What a judge prompt may hold between braces. */
export const judgePlaceholders = ['question', 'answer', 'reasoning'] as const;

/** Something between braces that is no placeholder, or a brace alone. */
export interface PlaceholderProblem {
  /** As it stands in the prompt. */
  readonly found: string;
  /** What is wrong and what to do, to be read after 'the prompt has'. */
  readonly message: string;
}

/**
 * Looks for what a judge would be sent as it stands because it is misspelt: every `{name}` must be one of
 * {@link judgePlaceholders}. As in the format's original (Python's `str.format`), a brace is written twice.
 *
 * @returns the first problem; undefined when there is none.
 */
export function checkPlaceholders(prompt: string): PlaceholderProblem | undefined {
  const known = judgePlaceholders.map((name) => `{${name}}`);
  for (const match of prompt.matchAll(/\{\{|\}\}|\{([^{}\n]*)\}|[{}]/g)) {
    const [found, name] = match;
    if (found === '{{' || found === '}}' || known.includes(found)) continue;
    const what =
      name === undefined ? `a ${found} on its own` : `an unknown placeholder ${printable(found, 60)}`;
    const nearest = name === undefined ? undefined : nearestName(name, judgePlaceholders);
    const hint = nearest === undefined ? '' : `did you mean {${nearest}}? `;
    const message = `${what}; ${hint}known are ${known.join(', ')}, and a brace is written {{ or }}`;
    return { found, message };
  }
  return undefined;
}
