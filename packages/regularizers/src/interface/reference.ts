import { z } from 'zod';
import { RegularizerOptionError } from '../errors.ts';
import { checkOptions } from './options.ts';

/**
 * What a penalty is taken to: 'base', the model in training without what is trained; that model with another adapter (PEFT's folder);
 * or another checkpoint of the same architecture and vocabulary (its folder).
 */
export type Reference = 'base' | { readonly adapter: string } | { readonly checkpoint: string };

/** The same as configs write it. */
export const referenceSchema = z.union(
  [z.literal('base'), z.strictObject({ adapter: z.string() }), z.strictObject({ checkpoint: z.string() })],
  "must be 'base', {adapter: folder} or {checkpoint: folder}",
);

/** Where an option `reference` holds a path. */
export const referencePaths: readonly string[] = ['reference.adapter', 'reference.checkpoint'];

/** @throws RegularizerOptionError for anything else. */
export function checkReference(owner: string, reference: Reference): Reference {
  if (reference === 'base') return reference;
  const fail = () => {
    const given = JSON.stringify(reference) ?? String(reference);
    return new RegularizerOptionError(
      owner,
      `reference is ${given}, must be 'base', { adapter: folder } or { checkpoint: folder }`,
    );
  };
  if (typeof reference !== 'object' || reference === null) throw fail();
  checkOptions(owner, reference, ['adapter', 'checkpoint']);
  const paths = Object.values(reference);
  if (paths.length !== 1 || typeof paths[0] !== 'string' || paths[0] === '') throw fail();
  return { ...reference };
}

/** The parts of a config and of needs that an option `reference` makes; none for the default. */
export function referenceField(
  owner: string,
  reference: Reference = 'base',
): { readonly reference?: Reference } {
  return reference === 'base' ? {} : { reference: checkReference(owner, reference) };
}

/** A name that two references share only when they are the same. */
export function referenceName(reference: Reference = 'base'): string {
  return reference === 'base' ? reference : Object.entries(reference).flat().join(' ');
}
