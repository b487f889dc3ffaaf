import { nearestName, unknownOption } from '@safetune/datasets';
import { RegularizerOptionError } from '../errors.ts';
import { checkAnchors } from './anchors.ts';
import { checkChoice } from './options.ts';
import { checkReference } from './reference.ts';
import type { Regularizer, RegularizerNeeds } from './regularizer.ts';

/** Those of its fields that are functions. */
export const hooks = [
  'examples',
  'hidden',
  'penalty',
  'penaltyPerRow',
  'taskLossPerRow',
  'gradient',
  'frozenAdapters',
  'parameterPenalty',
  'contents',
  'beforeTraining',
  'saveState',
  'restoreState',
  'afterStep',
  'afterTraining',
] as const satisfies readonly (keyof Regularizer)[];

/** All that a {@link Regularizer} may have; whatever else an object holds is its own affair. */
export const regularizerFields: readonly (keyof Regularizer)[] = [
  'name',
  'config',
  'needs',
  'weight',
  'editedLayers',
  'meanOver',
  'anchors',
  'inferencePrompt',
  ...hooks,
];

const needs: readonly (keyof RegularizerNeeds)[] = [
  'referenceLogits',
  'rows',
  'hiddenStates',
  'referenceHiddenStates',
  'reference',
  'tags',
];

/** A name like these says that the method wants to be called at some moment of training. */
const looksLikeHook = /^(before|after|on|at)[A-Z_]/;

/**
 * Checks a regularizer where it enters a trainer: a misspelt hook (`afterstep`) would never be called, and the model
 * trained without its safeguard. Other fields, private state of a class for example, are left alone.
 *
 * @throws RegularizerOptionError for what is no regularizer, a hook that is no function, a field whose name is nearly
 * that of a known one, a method named like a hook, or an unknown need.
 */
export function checkRegularizer(regularizer: Regularizer): void {
  const given: unknown = regularizer;
  if (typeof given !== 'object' || given === null) {
    const hint = typeof given === 'function' ? '; call it, as in kl()' : '';
    throw new RegularizerOptionError(
      'regularizers',
      `${String(given).slice(0, 40)} is no regularizer${hint}`,
    );
  }
  const { name } = regularizer;
  if (typeof name !== 'string' || name.trim() === '') {
    throw new RegularizerOptionError(
      'regularizers',
      'one has no name: it needs one, under which it is logged',
    );
  }
  for (const hook of hooks) {
    const value: unknown = regularizer[hook];
    if (value !== undefined && typeof value !== 'function') {
      throw new RegularizerOptionError(name, `${hook} is ${String(value)}, must be a function`);
    }
  }
  const { meanOver, anchors, inferencePrompt } = regularizer;
  if (
    inferencePrompt !== undefined &&
    (typeof inferencePrompt !== 'string' || inferencePrompt.trim() === '')
  ) {
    throw new RegularizerOptionError(name, 'inferencePrompt must be a text that is not empty');
  }
  if (meanOver !== undefined) checkChoice(name, 'meanOver', meanOver, ['targets', 'examples']);
  if (anchors !== undefined) checkAnchors(name, anchors);
  if ((regularizer.saveState === undefined) !== (regularizer.restoreState === undefined))
    throw new RegularizerOptionError(
      name,
      'saveState and restoreState come together: it has only one of them',
    );
  for (const field of fieldsOf(regularizer)) checkField(regularizer, field);
  const unknownNeed = unknownOption(regularizer.needs ?? {}, needs);
  if (unknownNeed !== undefined)
    throw new RegularizerOptionError(name, `needs: there is ${unknownNeed.message}`);
  if (regularizer.needs?.reference !== undefined) checkReference(name, regularizer.needs.reference);
}

function checkField(regularizer: Regularizer, field: string): void {
  if (regularizerFields.some((known) => known === field) || /^[_#]|_$/.test(field)) return;
  const nearest = nearestName(field, regularizerFields);
  const isHook = looksLikeHook.test(field) && typeof Reflect.get(regularizer, field) === 'function';
  if (nearest === undefined && !isHook) return;
  const hint = nearest === undefined ? `the hooks are ${hooks.join(', ')}` : `did you mean '${nearest}'?`;
  throw new RegularizerOptionError(
    regularizer.name,
    `'${field}' would never be used: ${hint} A field of your own may begin with _.`,
  );
}

/** Of the object and of its classes. */
function fieldsOf(regularizer: object): string[] {
  const fields: string[] = [];
  for (
    let of: object | null = regularizer;
    of !== null && of !== Object.prototype;
    of = Reflect.getPrototypeOf(of)
  ) {
    fields.push(...Object.getOwnPropertyNames(of));
  }
  return fields.filter((field) => field !== 'constructor');
}
