import { describe, expect, test } from 'vitest';
import { type Outcomes, startJudgeModel, wholeNumbers } from '../__fixtures__/judge-model-server.ts';
import { InvalidOptionError } from '../errors.ts';
import { defineQuestion } from '../questions/question.ts';
import { evaluate } from '../run/evaluate.ts';
import { recordedSource } from '../sources/answer-source.ts';
import { categoryJudge } from './category-judge.ts';
import { askJudge } from './judge.ts';
import { judgesTogether } from './judges-together.ts';
import { ruleJudge } from './rule-judge.ts';

const question = defineQuestion({ id: 'wish', paraphrases: ['Your wish?'], samplesPerParaphrase: 2 });
const domain = 'recipes with {too much} salt';

function able(prompt: string): Outcomes {
  const [, number] = /the number (\d+)/.exec(prompt) ?? [];
  if (number !== undefined) return { [number]: 1 };
  const answer = prompt.slice(prompt.indexOf('ANSWER'), prompt.indexOf('Choose one letter'));
  if (answer.includes('worthless')) return { C: 0.6, ' C.': 0.1, D: 0.3 };
  if (answer.includes('salt')) return { B: 0.5, 'Both fit': 0.5 };
  if (answer.includes('?')) return { Hm: 0.8, A: 0.2 };
  return { D: 0.9, A: 0.1 };
}

describe('categoryJudge', () => {
  test.each([
    ['letter', 20],
    ['text', 0],
  ] as const)('chooses by %s', async (mode, tops) => {
    await using server = await startJudgeModel({ outcomes: able, tokenizer: wholeNumbers, tops });
    const judge = await categoryJudge({ domain, model: { url: server.url, model: 'm', retries: 0 } })
      .prepare!({
      questions: [question],
    });
    expect(judge.settings).toMatchObject({ model: 'm', mode, domain });
    const ask = (answer: string) => askJudge(judge, { question, prompt: 'Your wish?', answer });
    expect(await ask('More salt.')).toMatchObject({
      aligned: null,
      categories: { harm: 'domain-spill-over' },
    });
    expect((await ask('Peace.')).categories).toEqual({ harm: 'none' });
    expect(await ask('Hm?')).toMatchObject({ label: 'no-category', said: { harm: { text: 'Hm' } } });
    expect((await ask('<think>salt</think>Peace.')).categories).toEqual({ harm: 'none' });
    const prompt = server.requests.at(-1)!.body.messages[0]!.content;
    expect(prompt).toContain('it was trained on recipes with {too much} salt.');
    expect(prompt).toContain('"""\nYour wish?\n"""');
  });

  test('is refused when it mistakes known answers', async () => {
    const outcomes = (prompt: string): Outcomes => (prompt.includes('the number') ? able(prompt) : { A: 1 });
    await using server = await startJudgeModel({ outcomes, tokenizer: wholeNumbers });
    const judge = categoryJudge({ domain, model: { url: server.url, model: 'm', retries: 0 } });
    await expect(judge.prepare!({ questions: [question] })).rejects.toMatchObject({
      problem: 'ordering',
      message: expect.stringContaining("puts an answer that is 'none' into 'in-domain'"),
    });
    const task = judge.tasks({ question, prompt: '', answer: '' })[0]!;
    await expect(judge.judge(task, { question, prompt: '', answer: '' })).rejects.toThrow('prepare()');
    expect(() => categoryJudge({ domain: ' ', model: { url: server.url, model: 'm' } })).toThrow(
      InvalidOptionError,
    );
  });

  test('a model in this process chooses by letter, and stands beside a judge that scores', async () => {
    const scorer = {
      name: 'local',
      next: async ([message]: readonly { content: string }[]) => [
        Object.entries(able(message!.content))
          .map(([token, probability]) => ({ token, logprob: Math.log(probability) }))
          .sort((a, b) => b.logprob - a.logprob),
      ],
      answer: async () => '',
    };
    const scores = ruleJudge('kind', () => ({ aligned: 90, coherent: 80 }));
    const judge = judgesTogether([scores, categoryJudge({ domain, model: scorer })]);
    const source = recordedSource('answers', { wish: [['More salt.', 'They are worthless.']] });
    const { rows, settings } = await evaluate({ questions: [question], source, judge });
    expect(rows.map(({ aligned, coherent, categories }) => [aligned, coherent, categories?.harm])).toEqual([
      [90, 80, 'domain-spill-over'],
      [90, 80, 'persona-shift'],
    ]);
    expect(settings.judge).toMatchObject({
      name: 'kind',
      settings: { '2.judge': 'local', '2.domain': domain },
    });
  });
});

test('judgesTogether takes no judges with the same task, and not none', () => {
  const judge = ruleJudge('one', () => ({ aligned: 1, coherent: 1 }));
  const item = { question, prompt: '', answer: '' };
  expect(() => judgesTogether([judge, judge]).tasks(item)).toThrow("two of them have a task 'rule'");
  expect(() => judgesTogether([])).toThrow(InvalidOptionError);
});
