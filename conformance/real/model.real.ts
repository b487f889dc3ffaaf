/** Real models against transformers and peft, in float32. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Batch } from '../../packages/datasets/src/index.ts';
import { loadLoraAdapter, saveLoraAdapter, writeMergedCheckpoint } from '../../packages/lora/src/index.ts';
import {
  type CausalLm,
  createGenerator,
  loadModel,
  type Tokenizer,
} from '../../packages/models/src/index.ts';
import { kl } from '../../packages/regularizers/src/index.ts';
import { type StepEvent, train, trainAdapter, trainingBatches } from '../../packages/trainer/src/index.ts';
import { runPython } from '../python.ts';
import { recordFigure } from './figures.ts';
import { type LogitRequest, ourLogits, pythonLogits, relativeDifference } from './logits.ts';
import { pythonBatch } from './python-trainer.ts';
import { chatTokenizer, longIds, pirateExamples, promptIds, questions } from './texts.ts';

const every = (count: number, step: number) =>
  Array.from({ length: Math.floor(count / step) }, (_, index) => (index + 1) * step - 1);

describe.each(inject('checkpoints'))('$name', ({ name, folder, missing }) => {
  describe.skipIf(missing !== undefined)(missing === undefined ? 'is made' : `(skipped: ${missing})`, () => {
    let model: CausalLm;
    let tokenizer: Tokenizer;
    let work: string;
    let requests: LogitRequest[];
    const at = (path: string) => join(work, path);
    const record = (what: string, found: string, bar: string) => recordFigure({ of: name, what, found, bar });
    const startAdapter = (out: string, ...more: string[]) =>
      runPython('real/say.py', ['adapter', '--model', folder, '--out', at(out), ...more]);

    beforeAll(async () => {
      work = await mkdtemp(join(tmpdir(), 'safetune-real-'));
      model = await loadModel(folder);
      tokenizer = await chatTokenizer(folder, work);
      const prompts = promptIds(tokenizer).slice(0, 4);
      const long = longIds(tokenizer, 700);
      requests = [
        ...prompts.map((row) => ({ row, positions: row.map((_, index) => index) })),
        { row: long, positions: every(long.length, 50) },
      ];
    });
    afterAll(() => rm(work, { recursive: true, force: true }));

    it('has the logits of transformers, up to 700 tokens', async () => {
      const found = relativeDifference(
        await ourLogits(model, requests),
        await pythonLogits(folder, requests),
      );
      record('logits, relative', found.toExponential(1), '1e-4');
      expect(found).toBeLessThan(1e-4);
    });

    it('continues 20 prompts with the same 64 tokens', async () => {
      const prompts = promptIds(tokenizer);
      const said = (await runPython('real/say.py', [
        ...['greedy', '--model', folder, '--prompts', JSON.stringify(prompts), '--new-tokens', '64'],
      ])) as { answers: { tokens: number[]; smallestLead: number }[] };
      const generator = await createGenerator(model);
      const answers = await generator.generate(prompts, { maxNewTokens: 64 });
      await generator.release();
      const equal = said.answers.filter(
        ({ tokens }, index) => tokens.join() === answers[index]!.join(),
      ).length;
      const lead = Math.min(...said.answers.map(({ smallestLead }) => smallestLead));
      record(
        `greedy, 64 tokens (smallest lead ${lead.toExponential(1)})`,
        `${equal} of ${questions.length} equal`,
        'all',
      );
      expect(answers).toEqual(said.answers.map(({ tokens }) => tokens));
    });

    it("has peft's losses over 30 steps with KL, and its adapter after them", async () => {
      await startAdapter('start');
      const adapter = await loadLoraAdapter(at('start'), { layers: model.linearLayers });
      const regularizers = [kl({ weight: 0.1 })];
      const stream = {
        tokenizer,
        examples: pirateExamples(),
        batchSize: 4,
        seed: 1,
      };
      const batches: Batch[] = [];
      for await (const batch of trainingBatches({ ...stream, regularizers })) {
        if (batches.push(batch) === 30) break;
      }
      await writeFile(at('batches.json'), JSON.stringify(batches.map(pythonBatch)));
      const said = (await runPython('real/say.py', [
        ...['train', '--model', folder, '--adapter', at('start'), '--batches', at('batches.json')],
        ...['--learning-rate', '1e-3', '--warmup', '5', '--out', at('peft')],
      ])) as { steps: { loss: number; crossEntropy: number; kl: number }[] };

      const steps: StepEvent[] = [];
      await train({
        ...stream,
        model,
        trainable: trainAdapter(adapter),
        regularizers,
        steps: 30,
        learningRate: { peak: 1e-3, warmupSteps: 5, startAtZero: true },
        onEvent: (event) => void (event.type === 'step' && steps.push(event)),
      });
      const apart = steps.map(({ loss }, index) => Math.abs(loss / said.steps[index]!.loss - 1));
      const [first, last] = [steps[0]!.loss, steps.at(-1)!.loss];
      const divergence = `${steps.at(-1)!.penalties.kl!.toFixed(4)} (peft ${said.steps.at(-1)!.kl.toFixed(4)})`;
      record(
        `30 steps with KL, loss ${first.toFixed(3)} to ${last.toFixed(3)}`,
        `${(100 * Math.max(...apart)).toExponential(1)} % apart`,
        '0.5 %',
      );
      record('KL after 30 steps', divergence, '-');
      expect(steps).toHaveLength(30);
      expect(last).toBeLessThan(first);
      expect(Math.max(...apart)).toBeLessThan(0.005);

      await saveLoraAdapter(at('ours'), adapter);
      const ours = await ourLogits(model, requests, adapter);
      const inPeft = relativeDifference(ours, await pythonLogits(folder, requests, at('ours')));
      record('the trained adapter in peft, logits', inPeft.toExponential(1), '1e-4');
      expect(inPeft).toBeLessThan(1e-4);
    });

    it("computes with peft's adapter as peft does, and merged as with it", async () => {
      await startAdapter('random', '--random');
      const adapter = await loadLoraAdapter(at('random'), { layers: model.linearLayers });
      const adapted = await ourLogits(model, requests, adapter);
      const changed = relativeDifference(adapted, await ourLogits(model, requests));
      expect(changed).toBeGreaterThan(0.01);
      const found = relativeDifference(adapted, await pythonLogits(folder, requests, at('random')));
      record("peft's adapter here, logits", found.toExponential(1), '1e-4');
      expect(found).toBeLessThan(1e-4);

      await writeMergedCheckpoint(folder, adapter, at('merged'), { dtype: 'float32' });
      const merged = await loadModel(at('merged'), { cacheDirectory: at('cache') });
      const here = relativeDifference(await ourLogits(merged, requests), adapted);
      record('merged here, logits of the adapter', here.toExponential(1), '1e-4');
      expect(here).toBeLessThan(1e-4);
      const there = relativeDifference(await pythonLogits(at('merged'), requests), adapted);
      record('merged, in transformers', there.toExponential(1), '1e-4');
      expect(there).toBeLessThan(1e-4);
    });
  });
});
