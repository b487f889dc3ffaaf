/**
 * Draws the picture of docs/data.md: the lengths of the example data, once for light and once for dark pages.
 *
 *     node --conditions=safetune-source examples/data-picture.ts
 */
import { writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { createDataChecker, openDataset } from '@safetune/datasets';
import { chartInTheme, histogramSvg } from '@safetune/eval';

const checker = createDataChecker();
for await (const example of await openDataset(join(import.meta.dirname, 'data/pirate.jsonl')))
  checker.see(example);
const { lengths } = checker.report();
const picture = histogramSvg({
  title: `Length of examples in ${lengths.unit}`,
  description: 'How many of the examples of examples/data/pirate.jsonl have which length',
  x: { label: lengths.unit },
  y: { label: 'examples' },
  bars: lengths.histogram,
});
for (const theme of ['light', 'dark'] as const) {
  const file = join(import.meta.dirname, `../docs/pictures/data-lengths-${theme}.svg`);
  await writeFile(file, `${chartInTheme(picture, theme)}\n`);
  console.log(relative(process.cwd(), file));
}
