import type { Probe } from './probe.ts';

/** Looks at the alignment of what is trained while it is trained. */
export interface SentinelOptions {
  /** Steps between two looks. It also looks before the first step and after the last. */
  readonly everySteps: number;
  readonly probes: readonly Probe[];
}
