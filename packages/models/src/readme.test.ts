import { expect, it } from 'vitest';
import { goldenDirectory, temporaryDirectory } from './__fixtures__/goldens.ts';
import { answerChats, createGenerator, loadModel, loadTokenizer } from './index.ts';

const cacheDirectory = temporaryDirectory();

it('the example of the README runs', async () => {
  const folder = goldenDirectory('qwen2-tied-bfloat16');
  const model = await loadModel(folder, { cacheDirectory });
  const tokenizer = await loadTokenizer(folder);
  const generator = await createGenerator(model);
  const chats = [[{ role: 'user', content: 'Hello' }], [{ role: 'user', content: 'Hello there' }]];
  const options = { maxNewTokens: 8, temperature: 0.7, seeds: [1, 2] };
  const answers = await answerChats(generator, tokenizer, chats, options);
  expect(answers).toHaveLength(2);
  expect(answers[0]).not.toBe('');
  expect(await answerChats(generator, tokenizer, chats, options)).toEqual(answers);

  // Generation ends where the template ends a turn, and the end is not part of the answer.
  const prompt = tokenizer.encode(tokenizer.renderChat(chats[0]!, { addGenerationPrompt: true }));
  const [tokens] = await generator.generate([prompt], { maxNewTokens: 8, stopTokenIds: [] });
  const stopped = await answerChats(
    generator,
    { ...tokenizer, endOfTurnTokenIds: [tokens![1]!] },
    [chats[0]!],
    {
      maxNewTokens: 8,
    },
  );
  expect(stopped).toEqual([tokenizer.decode(tokens!.slice(0, tokens!.indexOf(tokens![1]!) + 1))]);
  await generator.release();
});
