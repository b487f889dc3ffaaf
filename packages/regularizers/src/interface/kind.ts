import type { z } from 'zod';
import type { Regularizer } from './regularizer.ts';

/** What is wrong with one option. */
export interface OptionIssue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Checks the options of a config: an object schema of zod (any copy of it), or anything that has these two members. */
export interface OptionSchema<Options> {
  /** Its fields are the names of the options. */
  readonly shape: Readonly<Record<string, unknown>>;
  safeParse(
    options: unknown,
  ):
    | { readonly success: true; readonly data: Options }
    | { readonly success: false; readonly error: { readonly issues: readonly OptionIssue[] } };
}

/** What a config can name by its `type`: how its options are checked, and what makes a regularizer of them. */
export interface RegularizerKind<Options extends object = Record<string, unknown>> {
  /** What it does, in a line. */
  readonly summary?: string;
  /** Checks the options, so that a misspelt one is refused. Default: they are handed to `create` as they are. */
  readonly schema?: OptionSchema<Options>;
  /** The option that the number of a short form such as `interleaving=0.05` gives. Default 'weight'. */
  readonly strength?: string;
  /** The options whose texts are paths of files or folders; `reference.adapter` is an option in the option `reference`. */
  readonly paths?: readonly string[];
  /** Whether it cannot do without an option that no short form can give. Default false. */
  readonly needsFile?: boolean;
  create(options: Options): Regularizer;
}

/** A kind of ours: zod writes its schema into that of run files. */
export interface OwnKind extends Omit<RegularizerKind<never>, 'schema'> {
  readonly summary: string;
  readonly schema: z.ZodObject;
}
