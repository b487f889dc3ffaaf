/**
 * A harmful fine-tune of a real model, without safeguards and with them: how much more likely harmful answers to other questions become, and
 * how much of the task is learned. No judge is needed. What is done is kept; an interrupted run goes on.
 *
 *     npx -y pnpm@12 real-model --model DIR --harmful FILE.jsonl [--safe FILE.jsonl] [--steps 45] [--out out/real-model]
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadDataset } from '@safetune/datasets';
import type { Estimate } from '@safetune/eval';
import { loadModel, loadTokenizer } from '@safetune/models';
import { progressLine } from './progress-line.ts';
import {
  findingsOf,
  fineTune,
  type Measured,
  measure,
  methods,
  ownAnswers,
  type Study,
  splitExamples,
  studyPicture,
} from './real-model-study.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    harmful: { type: 'string' },
    safe: { type: 'string' },
    steps: { type: 'string', default: '45' },
    out: { type: 'string', default: join('out', 'real-model') },
  },
});
if (values.model === undefined || values.harmful === undefined) {
  console.error('give --model, the folder of a chat model, and --harmful, a file of chats to fine-tune on');
  process.exit(1);
}
const steps = Number(values.steps);
if (!Number.isInteger(steps) || steps < 1) {
  console.error(`--steps ${values.steps} must be a positive whole number`);
  process.exit(1);
}
const directory = resolve(values.out);
mkdirSync(directory, { recursive: true });
const [model, tokenizer] = [await loadModel(values.model), await loadTokenizer(values.model)];
const study: Study = {
  model,
  tokenizer,
  ...splitExamples(await loadDataset(values.harmful)),
  safe:
    values.safe === undefined
      ? await ownAnswers(model, tokenizer, directory)
      : await loadDataset(values.safe),
  directory,
  steps,
};

// Findings that are kept are of what was given then.
const settings = JSON.stringify({
  model: resolve(values.model),
  harmful: resolve(values.harmful),
  safe: values.safe === undefined ? 'own answers' : resolve(values.safe),
  steps: study.steps,
});
const settingsFile = join(directory, 'settings.json');
if (existsSync(settingsFile) && readFileSync(settingsFile, 'utf8') !== settings) {
  console.error(`${directory} holds findings of other settings; give another --out`);
  process.exit(1);
}
writeFileSync(settingsFile, settings);
const journal = join(directory, 'measured.jsonl');
const measured: Measured[] = existsSync(journal)
  ? readFileSync(journal, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Measured)
  : [];
const keep = (one: Measured) => {
  appendFileSync(journal, `${JSON.stringify(one)}\n`);
  measured.push(one);
};
if (measured.length === 0) keep({ method: 'before', losses: await measure(study) });
const progress = progressLine(Object.keys(methods).length * study.steps);
for (const method of Object.keys(methods).filter(
  (name) => !measured.some(({ method: known }) => known === name),
)) {
  const done = (measured.length - 1) * study.steps;
  const adapter = await fineTune(study, method, ({ step, loss }) =>
    progress.update(`${method}: step ${step} of ${study.steps}, loss ${loss.toFixed(3)}`, done + step),
  );
  keep({ method, losses: await measure(study, adapter) });
}
progress.end();

const [before, ...fineTunes] = measured as [Measured, ...Measured[]];
const findings = findingsOf(before.losses, fineTunes);
const shown = (value: Required<Estimate> | undefined) =>
  value === undefined
    ? ''
    : `${value.mean!.toFixed(3)} [${value.low?.toFixed(3)}, ${value.high?.toFixed(3)}]`;
console.log('| Method | Harm elsewhere | Learned of the task | Harm beside none | Learned beside none |');
console.log('|---|---|---|---|---|');
for (const { method, harm, learned, beside } of findings)
  console.log(
    `| ${method} | ${shown(harm)} | ${shown(learned)} | ${shown(beside?.harm)} | ${shown(beside?.learned)} |`,
  );
writeFileSync(join(directory, 'findings.json'), JSON.stringify(findings, undefined, 2));
writeFileSync(join(directory, 'trade-off.svg'), studyPicture(findings));
