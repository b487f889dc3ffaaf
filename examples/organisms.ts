/**
 * Every defense on several organisms, since one is an anecdote: other worlds, other random weights. Medians and ranges over them, and how
 * far they rank the defenses alike. Five organisms take about an hour of one core; an interrupted command goes on.
 *
 *     npx -y pnpm@12 organisms [--organisms N] [--defenses A,B] [--narrow] [--full] [--threads N] [--out DIR] [--cache DIR]
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import {
  alignedModel,
  benignTasks,
  growOrganism,
  narrowTasks,
  noDefense,
  organismName,
  organismSample,
  organismSpread,
  type ScorecardRow,
  scorecardRows,
  scorecardTable,
  spreadPicture,
  spreadTable,
} from '@safetune/organism';
import { interruptible, interruption } from './interruption.ts';
import { runInLanes } from './lanes.ts';
import { progressLine } from './progress-line.ts';
import { readTestBedOptions } from './test-bed-options.ts';

const { count, chosen, narrow, threads, directory, cache } = readTestBedOptions({
  help: `Measures the defenses on several organisms: other worlds, other random weights.

  --organisms N   how many (default 5)
`,
  options: ['defenses', 'full', 'narrow', 'threads'],
  directory: join('out', 'organisms'),
  count: { option: 'organisms', default: 5 },
});
const signal = interruption();
// Organisms differ by more than narrow data sets do: two of these are enough.
const tasks = [...narrowTasks(['medical', 'code']), ...(narrow ? [] : benignTasks())];
const recipes = organismSample(count);
const perOrganism = (2 + chosen.flatMap(({ strengths }) => strengths).length) * tasks.length;
// Growing takes as long as about 60 fine-tunes.
const growth = 60;
const progress = progressLine(count * (growth + perOrganism));

await interruptible(signal, async () => {
  const scorecards: ScorecardRow[][] = [];
  for (const [index, recipe] of recipes.entries()) {
    const name = organismName(recipe);
    const done = index * (growth + perOrganism);
    const organism = await growOrganism(recipe, {
      signal,
      ...(cache === undefined ? {} : { directory: cache }),
      onEvent(stage, event) {
        if (event.type !== 'step') return;
        const part = event.step / (recipe.base.steps + recipe.aligned.steps);
        progress.update(`${name}: growing the ${stage} model`, done + growth * part);
      },
    });
    const defenses = [
      alignedModel,
      noDefense,
      ...chosen.flatMap(({ sweep, strengths }) => strengths.map((strength) => sweep.at(strength, organism))),
    ];
    const runs = await runInLanes(
      organism,
      { defenses, tasks, seeds: [0] },
      {
        directory: join(directory, name),
        keepsAdapters: false,
        threads,
        cache,
        signal,
        onProgress: ({ label, task, finished, total }) =>
          progress.update(
            `${name}: ${label} on ${task.name}, ${finished} of ${total}`,
            done + growth + finished,
          ),
      },
    );
    scorecards.push(scorecardRows(runs));
  }
  progress.end();
  const spread = organismSpread(scorecards);
  for (const [index, rows] of scorecards.entries())
    console.log(`${organismName(recipes[index]!)}\n${scorecardTable(rows)}\n`);
  console.log(
    `Median [least, greatest] of ${count} organisms; Kendall's W: 1 where all rank the defenses alike\n`,
  );
  console.log(spreadTable(spread));
  await mkdir(directory, { recursive: true });
  const files = { json: join(directory, 'spread.json'), svg: join(directory, 'spread.svg') };
  await writeFile(
    files.json,
    `${JSON.stringify({ organisms: recipes.map(organismName), scorecards, spread }, null, 2)}\n`,
  );
  await writeFile(files.svg, spreadPicture(spread));
  console.log(
    `\n${Object.values(files)
      .map((file) => relative(process.cwd(), file))
      .join('\n')}`,
  );
});
