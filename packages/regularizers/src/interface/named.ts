import { RegularizerOptionError } from '../errors.ts';
import { regularizerFields } from './check-regularizer.ts';
import type { Regularizer } from './regularizer.ts';

/**
 * The same regularizer under another name, its config included: a run logs values by name, so that two regularizers of
 * one type need two names.
 *
 * @throws RegularizerOptionError for a name that is empty or only spaces.
 *
 * @example
 * const regularizers = [kl({ weight: 0.05 }), named('kl-safe', kl({ weight: 1, onlyTagged: 'interleaved' }))];
 */
export function named(name: string, regularizer: Regularizer): Regularizer {
  if (typeof name !== 'string' || name.trim() === '') {
    throw new RegularizerOptionError(
      regularizer.name,
      `the name is ${JSON.stringify(name)}, must be a text that is not empty`,
    );
  }
  return withFields(regularizer, { name, config: { ...regularizer.config, name } });
}

/**
 * The same regularizer as it acts where its penalty does not count: edits of the forward pass stay.
 *
 * @param keepsTaskLoss - whether what it makes of the task's loss counts
 */
export function withoutPenalty(regularizer: Regularizer, keepsTaskLoss: boolean): Regularizer {
  const { taskLossPerRow } = regularizer;
  const isLeft = keepsTaskLoss && taskLossPerRow !== undefined;
  return withFields(regularizer, {
    penalty: undefined,
    penaltyPerRow: undefined,
    ...(!isLeft && { taskLossPerRow: undefined, needs: undefined }),
  });
}

/** The same regularizer with some of its fields changed. */
export function withFields(
  regularizer: Regularizer,
  changed: { readonly [Field in keyof Regularizer]?: Regularizer[Field] | undefined },
): Regularizer {
  // Hooks may be methods of a class, which a spread would leave behind.
  const fields = regularizerFields
    .map((field) => [field, regularizer[field]] as const)
    .filter(([, value]) => value !== undefined)
    .map(([field, value]) => [field, typeof value === 'function' ? value.bind(regularizer) : value]);
  return { ...Object.fromEntries(fields), ...changed } as Regularizer;
}
