import type { RunEnd } from '../run/step-observer.ts';
import type { Breach } from './bounds.ts';
import type { Probe } from './probe.ts';

/** The sentinel has looked. */
export interface SentinelEvent {
  readonly type: 'sentinel';
  /** Steps done; 0 before the first. */
  readonly step: number;
  readonly readings: readonly SentinelReading[];
  /** There when the run ends because of it. */
  readonly ended?: RunEnd;
}

/** What one probe found. */
export interface SentinelReading extends Required<Pick<Probe, 'worse' | 'bounds'>> {
  readonly probe: string;
  readonly value: number;
  /** The gravest bound that the value is beyond. */
  readonly breach?: Breach;
  readonly findings: readonly string[];
  /** Time that it took. */
  readonly seconds: number;
}
