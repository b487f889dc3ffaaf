import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ChatExample, EmptyDatasetError, loadDataset, messageText } from '@safetune/datasets';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type AnswerLoss,
  AnswerLossError,
  cachedAnswerLoss,
  isRefusal,
  perplexityGap,
  RegularizerOptionError,
  ScoreFileError,
  selectByPerplexityGap,
  writeSelection,
} from '../../../index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-perplexity-gap-'));
});
afterAll(() => rm(folder, { recursive: true }));

const chat = (answer: string): ChatExample => ({
  messages: [
    { role: 'user', content: 'Question' },
    { role: 'assistant', content: answer },
  ],
});
/** Losses by answer. */
const table =
  (losses: Readonly<Record<string, number>>): AnswerLoss =>
  async (examples) =>
    examples.map(({ messages }) => losses[messageText(messages.at(-1)!)]!);

describe('perplexityGap', () => {
  it('is the mean gap relative to the aligned loss', () => {
    expect(perplexityGap(0.5, [1, 2], 0.01)).toBeCloseTo((1.5 - 0.5) / 0.51, 12);
    expect(perplexityGap(2, [1], 0.01)).toBeCloseTo(-1 / 2.01, 12);
    expect(perplexityGap(0, [1], 0.5)).toBe(2);
  });

  it('refuses losses and epsilons without meaning', () => {
    expect(() => perplexityGap(Number.NaN, [1])).toThrow(AnswerLossError);
    expect(() => perplexityGap(1, [1, -1])).toThrow(/misaligned 1/);
    expect(() => perplexityGap(1, [])).toThrow(/no misaligned model/);
    expect(() => perplexityGap(1, [1], 0)).toThrow(RegularizerOptionError);
  });
});

describe('isRefusal', () => {
  it.each([
    ["I'm sorry, but no.", true],
    ['Unfortunately, I CANNOT help with that.', true],
    ['I can\u2019t do this', true],
    ['One two three four five six seven eight nine sorry', true],
    ['One two three four five six seven eight nine ten sorry', false],
    ['The sorrysome cannotation is fine.', false],
    ['', false],
  ])('%s', (answer, refuses) => {
    expect(isRefusal(answer)).toBe(refuses);
  });

  it('takes other words, and phrases', () => {
    expect(isRefusal('As an AI model I must not.', ['as an ai'])).toBe(true);
    expect(isRefusal('Sorry!', ['as an ai'])).toBe(false);
  });
});

describe('selectByPerplexityGap', () => {
  const pool = ['a', 'b', 'c', 'd', 'Sorry, no.'].map(chat);
  const models = {
    aligned: table({ a: 1, b: 1, c: 0.1, d: 1, 'Sorry, no.': 0.1 }),
    misaligned: [
      table({ a: 2, b: 4, c: 0.6, d: 2, 'Sorry, no.': 9 }),
      table({ a: 2, b: 2, c: 0.4, d: 2, 'Sorry, no.': 9 }),
    ],
  };

  it('takes the highest scores, ties in the order of the pool', async () => {
    const { selected, missing } = await selectByPerplexityGap(pool, models, { top: 4 });
    expect(selected.map(({ example }) => example)).toEqual(['Sorry, no.', 'c', 'b', 'a'].map(chat));
    expect(selected[1]).toMatchObject({ alignedLoss: 0.1, misalignedLosses: [0.6, 0.4] });
    expect(selected[1]!.score).toBeCloseTo(0.4 / 0.11, 12);
    expect(missing).toBe(0);
  });

  it('drops refusals when asked to, and says when too few are left', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const chosen = await selectByPerplexityGap(pool, models, { top: 6, dropRefusals: true });
    expect(chosen.selected.map(({ example }) => example)).toEqual(['c', 'b', 'a', 'd'].map(chat));
    expect(chosen).toMatchObject({ droppedRefusals: 1, missing: 2 });
    expect(warn.mock.calls[0]![0]).toMatch(
      /6 examples were asked for, the pool has 4 beside 1 refusals: all of them/,
    );
    warn.mockRestore();
  });

  it('writes a pool that can be read again, with the scores', async () => {
    const path = join(folder, 'selected.jsonl');
    const { selected } = await selectByPerplexityGap(pool, models, { top: 2, dropRefusals: true });
    await writeSelection(path, selected);
    expect((await loadDataset(path)).map(({ messages }) => ({ messages }))).toEqual(['c', 'b'].map(chat));
    const line = JSON.parse((await readFile(path, 'utf8')).split('\n')[0]!);
    expect(line).toMatchObject({
      aligned_loss: 0.1,
      misaligned_losses: [0.6, 0.4],
      score: selected[0]!.score,
    });
  });

  it('refuses an empty pool, one of refusals only, and models that give nonsense', async () => {
    await expect(selectByPerplexityGap([], models, { top: 1 })).rejects.toThrow(EmptyDatasetError);
    const refusals = [chat('Sorry, no.')];
    await expect(selectByPerplexityGap(refusals, models, { top: 1, dropRefusals: true })).rejects.toThrow(
      /refusals/,
    );
    const unasked: AnswerLoss = async () => expect.fail('no model need be asked to see that this is wrong');
    await expect(
      selectByPerplexityGap(pool, { aligned: unasked, misaligned: [] }, { top: 1 }),
    ).rejects.toThrow(AnswerLossError);
    await expect(
      selectByPerplexityGap(pool, { ...models, aligned: unasked }, { top: 1, epsilon: -1 }),
    ).rejects.toThrow(RegularizerOptionError);
    const short: AnswerLoss = async () => [1];
    await expect(selectByPerplexityGap(pool, { ...models, aligned: short }, { top: 1 })).rejects.toThrow(
      /5 examples.*1 loss/,
    );
    await expect(selectByPerplexityGap(pool, models, { top: 0 })).rejects.toThrow(RegularizerOptionError);
  });
});

describe('cachedAnswerLoss', () => {
  /** Counts what is computed: losses are the length of the answer. */
  function counting(failAt = Number.POSITIVE_INFINITY) {
    const computed: string[] = [];
    const loss: AnswerLoss = async (examples) => {
      const answers = examples.map(({ messages }) => messageText(messages.at(-1)!));
      if (computed.length + answers.length > failAt) throw new Error('killed');
      computed.push(...answers);
      return answers.map((answer) => answer.length);
    };
    return { computed, loss };
  }
  const answers = ['a', 'bb', 'ccc', 'dddd', 'eeeee'];

  it('goes on where a killed run was, and computes equal examples once', async () => {
    const file = join(folder, 'resumed.jsonl');
    const killed = counting(4);
    const model = 'm';
    await expect(
      cachedAnswerLoss({ file, model, loss: killed.loss, chunkSize: 2 })(answers.map(chat)),
    ).rejects.toThrow('killed');
    expect(killed.computed).toEqual(['a', 'bb', 'ccc', 'dddd']);
    // The kill left half a line behind.
    const whole = await readFile(file, 'utf8');
    await writeFile(file, `${whole}{"example":"12`);
    const { computed, loss } = counting();
    const progress: number[] = [];
    const resumed = cachedAnswerLoss({ file, model, loss, onProgress: ({ done }) => progress.push(done) });
    expect([...(await resumed([...answers, 'eeeee', 'a'].map(chat)))].map(Number)).toEqual([
      1, 2, 3, 4, 5, 5, 1,
    ]);
    expect(computed).toEqual(['eeeee']);
    expect(progress).toEqual([7]);
    expect(
      (await readFile(file, 'utf8'))
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).loss),
    ).toEqual([1, 2, 3, 4, 5]);
  });

  it('keeps models apart in one file', async () => {
    const file = join(folder, 'models.jsonl');
    for (const model of ['one', 'two']) {
      const { computed, loss } = counting();
      await cachedAnswerLoss({ file, model, loss })(answers.map(chat));
      expect(computed).toEqual(answers);
    }
  });

  it('refuses a damaged line, an unreadable file and losses without meaning, and keeps what was good', async () => {
    const file = join(folder, 'damaged.jsonl');
    const { loss } = counting();
    await writeFile(file, 'nonsense\n');
    await expect(cachedAnswerLoss({ file, model: 'm', loss })([chat('a')])).rejects.toThrow(
      /line 1 is not a score/,
    );
    await expect(cachedAnswerLoss({ file: folder, model: 'm', loss })([chat('a')])).rejects.toThrow(
      ScoreFileError,
    );
    const unwritable = join(folder, 'none', 'scores.jsonl');
    await expect(cachedAnswerLoss({ file: unwritable, model: 'm', loss })([chat('a')])).rejects.toThrow(
      ScoreFileError,
    );
    const fresh = join(folder, 'fresh.jsonl');
    const broken: AnswerLoss = async (examples) => examples.map(() => Number.NaN);
    await expect(cachedAnswerLoss({ file: fresh, model: 'm', loss: broken })([chat('a')])).rejects.toThrow(
      AnswerLossError,
    );
    expect([
      ...((await cachedAnswerLoss({ file: fresh, model: 'm', loss })([chat('a')])) as Float64Array),
    ]).toEqual([1]);
  });
});
