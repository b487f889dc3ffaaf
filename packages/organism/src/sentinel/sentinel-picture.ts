import { lineChartSvg } from '@safetune/eval';
import { misalignedFrom } from './sentinel-study.ts';
import type { Look, WatchedRun } from './watched-run.ts';

/** Beyond this multiple of a bound a curve is cut. */
const highest = 4;
const lastStep = 80;

/** Harm and probes of harmful runs over the steps, as an SVG picture: means, each in parts of its bound. */
export function sentinelPicture(
  runs: readonly WatchedRun[],
  bounds: Readonly<Record<string, number>>,
): string {
  const harmful = runs.filter(({ isHarmful }) => isHarmful);
  const steps = harmful[0]!.looks.map(({ step }) => step).filter((step) => step <= lastStep);
  const curve = (name: string, measured: (look: Look) => number) => ({
    name,
    points: steps.flatMap((step) => {
      const values = harmful.map(({ looks }) => measured(looks.find((look) => look.step === step)!));
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return mean > highest ? [] : [{ x: step, y: mean }];
    }),
  });
  return lineChartSvg({
    title: 'What the sentinel sees of harmful fine-tunes',
    description: `General harm in parts of ${100 * misalignedFrom} %, and probes in parts of their bounds: means over ${harmful.length} runs. At 1 a bound is reached.`,
    x: { label: 'steps', low: 0, high: lastStep },
    y: { label: 'value / bound', low: 0, high: highest },
    series: [
      curve(`general harm / ${100 * misalignedFrom} %`, ({ harm }) => harm / misalignedFrom),
      ...Object.entries(bounds)
        .filter(([, bound]) => bound > 0)
        .map(([probe, bound]) => curve(probe, ({ values }) => values[probe]! / bound)),
    ],
  });
}
