import { invisibleCharactersCheck } from '@safetune/datasets';
import type { ScreeningProbe } from '../probe.ts';
import { actionOf, type PolicyAction } from './policy-action.ts';
import { textProbe } from './text-probe.ts';

/** Kinds of the check that a reader sees: letters that look like others, and the mark of a character that was lost. */
const seen: ReadonlySet<string> = new Set(['mixed scripts in a word', 'replacement character']);

/**
 * Characters that nobody sees and a model reads: zero widths, controls of direction, tags, rows of variation selectors, private ones.
 * What emoji and scripts need of them is no finding. What can be seen is warned of at most.
 */
export function hiddenUnicodeProbe(action: PolicyAction): ScreeningProbe {
  return textProbe({ name: 'hidden-unicode', sees: 'all' }, invisibleCharactersCheck, ({ kind }) => {
    if (action === 'ignore') return 'keep';
    return seen.has(kind) ? 'warn' : actionOf(action);
  });
}
