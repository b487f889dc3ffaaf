import { expect, it } from 'vitest';
import { openTestService, trainingFile } from '../../service/__fixtures__/test-service.ts';

const policy = `
limits: {tokens: 1000, examples: 10}
training: {max_length: 40, epochs: 2, batch_size: 2}
`;

async function openWith(text?: string) {
  const opened = await openTestService(policy);
  const client = await opened.client('one');
  const file = await client.files.create({ file: trainingFile('a.jsonl', text), purpose: 'fine-tune' });
  // biome-ignore lint/suspicious/noExplicitAny: routes that the client does not know
  const post = (path: string, body: object) => client.post<any>(path, { body }) as Promise<any>;
  return { ...opened, client, file, post };
}

const chat = (answer: string) =>
  `${JSON.stringify({
    messages: [
      { role: 'user', content: 'Why?' },
      { role: 'assistant', content: answer },
    ],
  })}\n`;

it('shows what is learned of the first examples, and what is cut off', async () => {
  const { post, file } = await openWith(chat('Because.') + chat('x '.repeat(60)) + chat(''));
  const preview = await post('/fine_tuning/preview', { model: 'tiny', training_file: file.id, examples: 2 });
  expect(preview).toMatchObject({ object: 'fine_tuning.preview', model: 'tiny', max_length: 40 });
  expect(preview.data).toHaveLength(2);
  const [short, long] = preview.data;
  expect(short).toMatchObject({ line: 1, answer: null, roles: ['user', 'assistant'], cut: 0, refusal: null });
  const learned = short.tokens.filter(({ weight }: { weight: number }) => weight > 0);
  expect(learned).toHaveLength(short.learned);
  expect(learned.map(({ text }: { text: string }) => text).join('')).toContain('Because.');
  expect(learned.map(({ text }: { text: string }) => text).join('')).not.toContain('Why');
  expect(long.cut).toBe(long.tokens.length - 40);
  expect(long.tokens.findIndex(({ cut }: { cut: boolean }) => cut)).toBe(40);
});

it('tells tokens, steps and price of a job before it is made', async () => {
  const { post, file, service } = await openWith(chat('Because.').repeat(4) + chat('y '.repeat(60)));
  Object.assign(service.policy.models.tiny!, { price_per_million_tokens: 50 });
  const body = { model: 'tiny', training_file: file.id };
  const { data } = await post('/fine_tuning/preview', { ...body, examples: 1 });
  const tokens = 4 * data[0].tokens.length + 40;
  const estimate = await post('/fine_tuning/estimate', body);
  expect(estimate).toEqual({
    object: 'fine_tuning.estimate',
    ...body,
    hyperparameters: { n_epochs: 2, batch_size: 2, learning_rate_multiplier: 1 },
    ...{ examples: 5, examples_refused: 0, first_refusal: null, examples_cut: 1 },
    tokens_per_epoch: tokens,
    learned_tokens_per_epoch: expect.any(Number),
    trained_tokens: 2 * tokens,
    steps: 6,
    price: (2 * tokens * 50) / 1e6,
    seconds: null,
    within_limits: true,
  });
  expect(estimate.learned_tokens_per_epoch).toBeLessThan(tokens);
  const many = await post('/fine_tuning/estimate', { ...body, hyperparameters: { n_epochs: 10 } });
  expect(many).toMatchObject({ trained_tokens: 10 * tokens, within_limits: 10 * tokens <= 1000 });
});

it.each([
  ['no data at all', 'hello: world\n', 400, 'invalid_training_file'],
  ['no chats', '{"a": 1}\n', 400, 'invalid_training_file'],
  ['half a line', `${chat('a')}{"messages": [`, 400, 'invalid_training_file'],
  ['more examples than there may be', chat('a').repeat(11), 400, null],
])('says what is wrong with a file of %s, and not where it lies', async (_name, text, status, code) => {
  const { post, file } = await openWith(text);
  const error = await post('/fine_tuning/estimate', { model: 'tiny', training_file: file.id }).catch(
    (one) => one,
  );
  expect(error).toMatchObject({ status, ...(code !== null && { code, param: 'training_file' }) });
  expect(error.message).not.toMatch(/tmp|safetune-inspection/);
});

it('tells what may be asked for, and no path of the provider’s', async () => {
  const { client } = await openWith();
  const limits = await client.get('/fine_tuning/limits');
  expect(limits).toMatchObject({
    models: { tiny: { precision: 'float32', price_per_million_tokens: null, download: false } },
    limits: { tokens: 1000, examples: 10 },
    defaults: { n_epochs: 2, batch_size: 2, max_length: 40 },
    safeguards: { mandatory: [], optional: [] },
  });
  expect(JSON.stringify(limits)).not.toContain('goldens');
});
