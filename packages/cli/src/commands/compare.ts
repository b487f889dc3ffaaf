import { basename, join, resolve } from 'node:path';
import { comparisonReport, comparisonText, readResult, writeComparison } from '@safetune/eval';
import { strictCommand } from '../command.ts';
import { givenValues } from '../option-values.ts';
import { refuseToOverwrite } from '../separate-paths.ts';
import { columnsOf, print } from '../terminal/output.ts';
import { UsageError } from '../usage-error.ts';

/** `safetune compare`: what sets evaluations apart, question by question. */
export const compareCommand = strictCommand({
  name: 'compare',
  description:
    'Compare evaluations with the first of them: rates, differences with intervals, and whether they may be chance.',
  example: 'compare ./report ./report-of-a-defense --out ./comparison',
  positional: 'run',
  options: {
    run: {
      type: 'string',
      path: 'input',
      required: true,
      repeatable: true,
      valueHint: 'DIR',
      description: 'folder of an evaluation, two or more; the first is what the others are compared with',
    },
    name: {
      type: 'string',
      repeatable: true,
      valueHint: 'TEXT',
      description: 'what to call each run, in their order (default: the names of their folders)',
    },
    out: {
      type: 'string',
      path: 'output',
      valueHint: 'DIR',
      description: 'also write comparison.json, comparison.md and the page comparison.html',
    },
    force: { type: 'boolean', description: 'write over another comparison in --out' },
  },
  async run({ args, rawArgs }) {
    const folders = givenValues('run', rawArgs);
    const runs = namesOf(folders, givenValues('name', rawArgs)).map((name, index) => ({
      name,
      result: readResult(folders[index]!),
    }));
    if (args.out !== undefined) {
      const holds = 'another comparison';
      await refuseToOverwrite(join(args.out, 'comparison.json'), { force: args.force === true, holds });
    }
    const report = comparisonReport(runs);
    print(`${comparisonText(report, { columns: columnsOf('stdout') })}\n`);
    if (args.out === undefined) return;
    const { page } = await writeComparison(args.out, report, runs);
    print(`\nevery answer, side by side: ${page}\n`);
  },
});

/** @throws UsageError for fewer than two runs, or names that do not tell them apart. */
function namesOf(folders: readonly string[], given: readonly string[]): readonly string[] {
  if (folders.length < 2) throw new UsageError('compare needs the folders of two evaluations or more');
  if (given.length > 0 && given.length !== folders.length)
    throw new UsageError(
      `--name is given ${given.length} times for ${folders.length} runs; give one for each`,
    );
  const names = given.length > 0 ? given : folders.map((folder) => basename(resolve(folder)));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new UsageError(`two runs are called '${twice}'; tell them apart by --name, once for each`);
  return names;
}
