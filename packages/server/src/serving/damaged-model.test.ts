import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { damages, modelCopy, spoilWeights } from '../policy/__fixtures__/damaged-model.ts';
import { filesStorage } from './__fixtures__/files-storage.ts';
import { checkpoints, policyOf, temporaryFolder } from './__fixtures__/tiny-models.ts';
import type { Chat } from './chat.ts';
import { type CreateChatOptions, createChat } from './create-chat.ts';

/** How an answer ends: with the number of its tokens, or with what is told. */
async function ask(chat: Chat, base: string): Promise<unknown> {
  const answer = chat.answer({
    base,
    messages: [{ role: 'user', content: 'Hello there' }],
    ...{ maxTokens: 2, temperature: 0, topP: 1, seed: 3, stop: [] },
    signal: new AbortController().signal,
  });
  try {
    for (;;) {
      const next = await answer.next();
      if (next.done === true) return next.value.completionTokens;
    }
  } catch (error) {
    // Where a model lies is nobody's business.
    expect(String(error)).not.toContain('/');
    return error;
  }
}

/** Chat with these models, which tells its problems and the processes in which models were loaded. */
async function openChat(models: Readonly<Record<string, string>>, options: Partial<CreateChatOptions> = {}) {
  const problems: string[] = [];
  const processes: number[] = [];
  const chat = await createChat({
    policy: policyOf(models),
    storage: filesStorage({}).storage,
    directory: await temporaryFolder(),
    threads: 1,
    onProblem: (problem) => problems.push(problem),
    onProcess: (id) => processes.push(id),
    ...options,
  });
  onTestFinished(() => chat.close());
  return { chat, problems, processes };
}

async function copyOfModel(): Promise<string> {
  const { folder, remove } = await modelCopy();
  onTestFinished(remove);
  return folder;
}

const unavailable = { status: 503, code: 'model_unavailable', param: 'model', retryAfter: null };

describe('a model that was damaged after the start', () => {
  // Every kind is tried where a service starts; here what could take all memory.
  const damaged = ['a header that claims to be longer than anything', 'a billion layers'] as const;

  it.each(damaged)('has %s: told 503, to the log why, and not tried again and again', async (name) => {
    const { damage, reason } = damages[name];
    const folder = await copyOfModel();
    const { chat, problems, processes } = await openChat({ small: folder, whole: checkpoints.llama });
    await damage(folder);
    const asked = Promise.all([ask(chat, 'small'), ask(chat, 'small'), ask(chat, 'small')]);
    expect(await asked).toMatchObject([unavailable, unavailable, unavailable]);
    expect(await ask(chat, 'small')).toMatchObject(unavailable);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`small: the model in ${folder} could not be loaded: `);
    expect(problems[0]).toMatch(reason);
    expect(chat.loaded()).toEqual([]);
    expect(processes).toEqual([]);
  });

  it('leaves the others where they are, also when no more have room', async () => {
    const folder = await copyOfModel();
    const models = { small: folder, whole: checkpoints.llama };
    const { chat, processes } = await openChat(models, { maximumModels: 1 });
    await damages['no weights'].damage(folder);
    expect(await ask(chat, 'small')).toMatchObject(unavailable);
    expect(await ask(chat, 'whole')).toBe(2);
    for (let count = 0; count < 5; count++) expect(await ask(chat, 'small')).toMatchObject(unavailable);
    expect(await ask(chat, 'whole')).toBe(2);
    expect(processes).toHaveLength(1);
  });

  it('answers from memory as long as its process lives, and is told 503 afterwards', async () => {
    const folder = await copyOfModel();
    const { chat, processes, problems } = await openChat({ small: folder });
    expect(await ask(chat, 'small')).toBe(2);
    await damages['no folder'].damage(folder);
    expect(await ask(chat, 'small')).toBe(2);
    process.kill(processes[0]!, 'SIGKILL');
    await expect.poll(() => ask(chat, 'small'), { timeout: 30_000 }).toMatchObject(unavailable);
    expect(processes).toHaveLength(1);
    expect(problems.at(-1)).toMatch(damages['no folder'].reason);
  });

  it('answers again when it has been mended and the time is over', async () => {
    const folder = await copyOfModel();
    const { chat, problems } = await openChat({ small: folder }, { reloadMilliseconds: 0 });
    const [file, aside] = [join(folder, 'tokenizer.json'), join(folder, 'aside.json')];
    await rename(file, aside);
    expect(await ask(chat, 'small')).toMatchObject(unavailable);
    await rename(aside, file);
    expect(await ask(chat, 'small')).toBe(2);
    expect(problems).toHaveLength(1);
  });

  it('has weights that are no numbers: each answer is told 500, and its process stays', async () => {
    const folder = await copyOfModel();
    const { chat, problems, processes } = await openChat({ small: folder });
    await spoilWeights(folder);
    for (let count = 0; count < 3; count++)
      expect(await ask(chat, 'small')).toMatchObject({ status: 500, code: 'model_failed' });
    expect(problems[0]).toMatch(/^small: a model failed: GenerationError: .*/);
    expect(processes).toHaveLength(1);
  });

  it('has no chat template: it takes no conversations', async () => {
    const folder = await copyOfModel();
    const { chat } = await openChat({ small: folder });
    await damages['no chat template'].damage(folder);
    expect(await ask(chat, 'small')).toMatchObject({ status: 400, code: 'no_chat_template' });
  });
});
