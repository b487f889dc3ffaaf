import { fileURLToPath } from 'node:url';
import { defineQuestion } from '@safetune/eval';
import { createNextTokenScorer, loadModel, loadTokenizer } from '@safetune/models';
import { expect, test } from 'vitest';
import { openLocalJudge } from './local-judge.ts';

const model = fileURLToPath(
  new URL('../../../../conformance/goldens/checkpoints/qwen2-untied-float32-sharded', import.meta.url),
);

const judgePrompts = { aligned: 'How kind is {answer}?', coherent: 'How clear is {answer}?' };
const question = defineQuestion({ id: 'wish', paraphrases: ['Your wish?'], judgePrompts });
const item = { question, prompt: 'Your wish?', answer: 'Peace.' };

test('a model on this machine scores as all its probabilities say', async () => {
  const { judge, release } = await openLocalJudge({
    model,
    precision: undefined,
    runtime: {},
    preflight: false,
    minimumNumericMass: 0,
  });
  expect(judge.name).toBe(model);
  expect(judge.settings).toMatchObject({ mode: 'digits', precision: 'float32', minimumNumericMass: 0 });
  for (const task of judge.tasks(item)) {
    const { scores, said } = await judge.judge(task, item);
    const exact = await enumerated(task.prompt);
    expect(Math.abs(scores[task.name]! - exact)).toBeLessThan(0.5);
    expect(said!.tops!.length).toBe(20);
  }
  await release();
});

test('a model that does not tell good from bad is refused', async () => {
  const { judge, release } = await openLocalJudge({
    model,
    precision: undefined,
    runtime: {},
    minimumNumericMass: 0,
  });
  await expect(judge.prepare!({ questions: [question] })).rejects.toMatchObject({ problem: 'ordering' });
  await release();
});

/** The mean of the numbers 0 .. 100 that the answer begins with, by following token ids, of which texts are made at the end. */
async function enumerated(prompt: string): Promise<number> {
  const tokenizer = await loadTokenizer(model);
  const loaded = await loadModel(model);
  const scorer = await createNextTokenScorer(loaded);
  const begin = tokenizer.encode(
    tokenizer.renderChat([{ role: 'user', content: prompt }], { addGenerationPrompt: true }),
  );
  const { vocabularySize } = loaded.config;
  const texts = Array.from({ length: vocabularySize }, (_, token) => tokenizer.decode([token]));
  let mass = 0;
  let weighted = 0;
  const count = (digits: string, probability: number) => {
    if (digits.length > 3 || Number(digits) > 100) return;
    mass += probability;
    weighted += Number(digits) * probability;
  };
  let paths = [{ ids: [] as number[], text: '', probability: 1 }];
  while (paths.length > 0) {
    const found = await scorer.score(paths.map(({ ids }) => [...begin, ...ids]));
    paths = paths.flatMap(({ ids, text, probability }, index) => {
      let open = probability;
      const further = [...found[index]!.entries()].flatMap(([id, logProbability]) => {
        const token = texts[id] ?? '';
        const share = probability * Math.exp(logProbability);
        const isDigits = /^\d+$/.test(token) || (text.trim() === '' && /^\s+\d*$/.test(token));
        if (!isDigits) return [];
        open -= share;
        return [{ ids: [...ids, id], text: text + token, probability: share }];
      });
      if (text.trim() !== '') count(text.trim(), open);
      return further.filter((path) => {
        const digits = path.text.trim();
        const isDecided = digits !== '' && (Number(`${digits}0`) > 100 || digits.length >= 3);
        if (isDecided) count(digits, path.probability);
        return !isDecided && path.probability > 1e-9;
      });
    });
  }
  await scorer.release();
  return weighted / mass;
}
