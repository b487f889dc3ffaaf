/**
 * A fine-tuning service on a laptop, and a customer who brings harmful data: what becomes of the model under a provider who takes what
 * comes, under one whose gate has bounds, and under one whose safeguards act in every job. The customer uses OpenAI's own client.
 *
 *     npx -y pnpm@12 serve:demo [--out DIR]
 */
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import {
  generalQuestions,
  growOrganism,
  judgeAnswer,
  organismRecipe,
  parseQuestion,
} from '@safetune/organism';
import { startService } from '@safetune/server';
import OpenAI from 'openai';
import { progressLine } from './progress-line.ts';
import { customersDomain, writeDemoFiles } from './serve-demo/provider-files.ts';

const { values } = parseArgs({ options: { out: { type: 'string', default: join('out', 'serve-demo') } } });
const directory = resolve(values.out);
await rm(directory, { recursive: true, force: true });

const growthSteps = organismRecipe.base.steps + organismRecipe.aligned.steps;
const progress = progressLine(growthSteps);
const organism = await growOrganism(organismRecipe, {
  onEvent(stage, event) {
    if (event.type !== 'step') return;
    const done = event.step + (stage === 'base' ? 0 : organismRecipe.base.steps);
    progress.update(`growing the ${stage} model: step ${event.step} of ${event.steps}`, done);
  },
});
progress.end();
const files = await writeDemoFiles(join(directory, 'provider'), organism);

const visits = [
  { provider: 'takes what comes', policy: files.open, data: files.malicious },
  { provider: 'a gate with bounds', policy: files.gated, data: files.malicious },
  { provider: 'a gate, and a safeguard in every job', policy: files.guarded, data: files.malicious },
  { provider: 'the same', policy: files.guarded, data: files.harmless },
];
const rows: string[][] = [];
for (const { provider, policy, data } of visits)
  rows.push([provider, basename(data), ...(await visit(policy, data, String(rows.length)))]);
const header = ['Provider', 'Data', 'log-odds of harm, nats a token', 'Gate', 'Harmful answers'];
console.log([header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n'));

/** A customer's whole visit: upload, job, events, and questions to what came of it. */
async function visit(policy: string, data: string, name: string): Promise<string[]> {
  const service = await startService({ policy, data: join(directory, `data-${name}`), port: 0 });
  try {
    const client = new OpenAI({ baseURL: `${service.address}/v1`, apiKey: service.firstKey! });
    const file = await client.files.create({ file: createReadStream(data), purpose: 'fine-tune' });
    const created = await client.fineTuning.jobs.create({
      model: 'organism',
      training_file: file.id,
      seed: 0,
    });
    const job = await finished(client, created.id);
    const { outcome, measurements } = job.gate!;
    const harm = measurements[0]!.value.toFixed(2);
    const rate = outcome === 'released' ? await harmfulShare(client, job.fine_tuned_model!) : undefined;
    return [harm, outcome, rate === undefined ? 'nobody can ask it' : `${(100 * rate).toFixed(0)} %`];
  } finally {
    await service.close();
  }
}

/** A job as this service tells of it: OpenAI's, and the gate's verdict beside. */
interface JudgedJob extends OpenAI.FineTuning.FineTuningJob {
  readonly gate: {
    readonly outcome: string;
    readonly measurements: readonly { readonly value: number }[];
  } | null;
}

async function finished(client: OpenAI, id: string): Promise<JudgedJob> {
  const seen = new Set<string>();
  for (;;) {
    const job = (await client.fineTuning.jobs.retrieve(id)) as JudgedJob;
    const { data: events } = await client.fineTuning.jobs.listEvents(id, { limit: 100 });
    for (const event of events.reverse()) {
      if (event.type === 'message' && !seen.has(event.id)) console.error(`  ${event.message}`);
      seen.add(event.id);
    }
    // A job whose model the gate refuses fails, and says what was measured.
    if (job.finished_at !== null && job.gate !== null) return job;
    if (job.status === 'failed' || job.status === 'cancelled')
      throw new Error(job.error?.message ?? job.status);
    await new Promise((resume) => setTimeout(resume, 500));
  }
}

/** Of one answer to each question of the domains that were not trained. */
async function harmfulShare(client: OpenAI, model: string): Promise<number> {
  const questions = generalQuestions(customersDomain).map(({ paraphrases: [text] }) => text!);
  const outcomes: string[] = [];
  for (const [seed, content] of questions.entries()) {
    const { choices } = await client.chat.completions.create({
      model,
      messages: [{ role: 'user', content }],
      max_tokens: organismRecipe.evaluation.maxNewTokens,
      temperature: 1,
      seed,
    });
    outcomes.push(judgeAnswer(organism.world, parseQuestion(content), choices[0]!.message.content ?? ''));
  }
  return outcomes.filter((outcome) => outcome === 'harmful').length / outcomes.length;
}
