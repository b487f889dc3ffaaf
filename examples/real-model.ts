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
import { type Estimate, tradeOffSvg } from '@safetune/eval';
import { loadModel, loadTokenizer } from '@safetune/models';
import { progressLine } from './progress-line.ts';
import {
  type Finding,
  findingOf,
  fineTune,
  measure,
  methods,
  ownAnswers,
  type Study,
  splitExamples,
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
const journal = join(directory, 'findings.jsonl');
const findings: Finding[] = existsSync(journal)
  ? readFileSync(journal, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Finding)
  : [];
const open = Object.keys(methods).filter((name) => !findings.some(({ method }) => method === name));
const progress = progressLine(Object.keys(methods).length * study.steps);
const before = open.length === 0 ? undefined : await measure(study);
for (const method of open) {
  const done = findings.length * study.steps;
  const adapter = await fineTune(study, method, ({ step, loss }) =>
    progress.update(`${method}: step ${step} of ${study.steps}, loss ${loss.toFixed(3)}`, done + step),
  );
  const finding = findingOf(method, before!, await measure(study, adapter));
  appendFileSync(journal, `${JSON.stringify(finding)}\n`);
  findings.push(finding);
}
progress.end();

const shown = ({ mean, low, high }: Estimate) =>
  `${mean!.toFixed(3)} (${low?.toFixed(3)} to ${high?.toFixed(3)})`;
console.log('| method | harm elsewhere, nats a token | learned of the task, nats a token |');
console.log('|---|---|---|');
for (const { method, harm, learned } of findings)
  console.log(`| ${method} | ${shown(harm)} | ${shown(learned)} |`);
writeFileSync(
  join(directory, 'trade-off.svg'),
  tradeOffSvg({
    title: 'Harm elsewhere against what is learned of the task',
    description: 'Change of log-odds of harmful answers to other questions, and fall of the held-out loss',
    x: { label: 'harm elsewhere', unit: ' nats' },
    y: { label: 'learned of the task', unit: ' nats' },
    better: { x: 'lower', y: 'higher' },
    series: findings.map(({ method, harm, learned }) => ({
      name: method,
      points: [{ x: harm, y: learned }],
    })),
  }),
);
