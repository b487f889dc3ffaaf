import type { DistributionSummary } from './distribution.ts';

/** What was found in a data set, as `data check --report` writes it. A change of its meaning changes its version. */
export interface DataReport {
  readonly version: 2;
  readonly examples: number;
  /** Of pairs those of both answers. */
  readonly messages: number;
  /** Messages by role. */
  readonly roles: Readonly<Record<string, number>>;
  /** Examples by the script of most letters of their answers. */
  readonly writingSystems: Readonly<Record<string, number>>;
  /** Of whole conversations, of pairs both: in tokens where a tokenizer is given, else in UTF-16 units of all texts. */
  readonly lengths: DistributionSummary & { readonly unit: 'tokens' | 'characters' };
  /** Tokens that are learned, by conversation; only with a tokenizer. */
  readonly learned?: DistributionSummary;
  readonly checks: readonly CheckReport[];
}

/** What one check found. */
export interface CheckReport {
  readonly name: string;
  /** What it looks for. */
  readonly about: string;
  /** Examples in which it found something. */
  readonly examples: number;
  /** The same, of all rows that were read. */
  readonly share: number;
  /** Examples by the kind that was found in them. */
  readonly kinds: Readonly<Record<string, number>>;
  /** The first findings. */
  readonly findings: readonly PlacedFinding[];
  readonly note?: string;
}

/** A finding and where it is. */
export interface PlacedFinding {
  readonly kind: string;
  /** The example's number, counted from 1. Missing for a row that is none. */
  readonly example?: number;
  readonly file?: string;
  readonly line?: number;
  /** The message, counted from 0. */
  readonly message?: number;
  /** There where that is a message of the worse answer of a pair. */
  readonly rejected?: true;
  readonly detail?: string;
}
