import type { SentinelEvent, SentinelReading } from '@safetune/trainer';

const bars = '▁▂▃▄▅▆▇█';
/** Looks that a spark line shows. */
const shown = 5;

/** Follows the sentinel's looks, for the progress line and for what is said beside it. */
export function createSentinelLine() {
  const values = new Map<string, number[]>();
  const warned = new Set<string>();
  let readings: readonly SentinelReading[] = [];
  return {
    /** @returns what is to be said of a look: probes that are beyond a bound for the first time, with what was found */
    look(event: SentinelEvent): string[] {
      readings = event.readings;
      for (const { probe, value } of readings)
        values.set(probe, [...(values.get(probe) ?? []), value].slice(-shown));
      const fresh = readings.filter(({ probe, breach }) => breach !== undefined && !warned.has(probe));
      for (const { probe } of fresh) warned.add(probe);
      return fresh.flatMap(({ probe, value, breach, findings }) => [
        `sentinel, after step ${event.step}: ${probe} is ${short(value)}, beyond ${breach!.bound} (${breach!.action})`,
        ...findings.slice(0, 3).map((finding) => `  ${finding}`),
      ]);
    },
    /** A part for each probe, the one that is nearest to its bounds or farthest beyond them first. */
    parts(): string[] {
      return [...readings]
        .sort((a, b) => nearness(b) - nearness(a))
        .map(({ probe, value }) => `${probe} ${short(value)}${spark(values.get(probe)!)}`);
    },
  };
}

/** Values as bars, the lowest and the highest of them its ends. */
export function spark(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const step = (high - low) / (bars.length - 1);
  return values.map((value) => bars[step === 0 ? 0 : Math.round((value - low) / step)]).join('');
}

/** How far a value has come to its nearest bound, from 0; 1 is at it. Without bounds behind all others. */
function nearness({ value, bounds, worse }: SentinelReading): number {
  const shares = Object.values(bounds).map((bound: number) =>
    worse === 'higher' ? value / Math.abs(bound || 1) : Math.abs(bound || 1) / Math.max(value, 1e-9),
  );
  return Math.max(Number.NEGATIVE_INFINITY, ...shares);
}

function short(value: number): string {
  return String(Number(value.toPrecision(2)));
}
