import { describe, expect, it } from 'vitest';
import {
  markedTemplates,
  plainTemplates,
  templateTokenizer,
} from '../../../../conformance/template-tokenizer.ts';
import { characterTokenizer, thinkingTokenizer } from '../__fixtures__/chat-tokenizers.ts';
import { ChatTemplateError, DatasetOptionError, NoSupervisedTokensError } from '../errors.ts';
import type { ChatExample } from '../example/example.ts';
import { tokenizeChat } from '../masks/response-mask.ts';
import { explainChat } from './explain-chat.ts';

const chat = (...answers: readonly string[]): ChatExample => ({
  messages: answers.flatMap((content) => [
    { role: 'user', content: 'Why?' },
    { role: 'assistant', content },
  ]),
});

describe('explainChat', () => {
  it('tells what tokenizeChat makes of an example, and the tokens behind the cut', () => {
    const tokenizer = characterTokenizer();
    const example: ChatExample = {
      messages: [...chat('Because.').messages, { role: 'assistant', content: 'Yes', weight: 0.5 }],
    };
    const options = { maxLength: 50 };
    const explained = explainChat(example, tokenizer, options);
    const { tokenIds, responseMask, lossWeights } = tokenizeChat(example, tokenizer, options);
    expect(explained.responseMask).toEqual(responseMask);
    expect(explained.lossWeights).toEqual(lossWeights);
    expect(explained.tokenIds.slice(0, 50)).toEqual([...tokenIds]);
    expect(tokenizer.decode(explained.tokenIds)).toMatch(/Yes<\|im_end\|>\n$/);
    expect(explained.refusal).toBeUndefined();
  });

  it('names the rule that found each answer', () => {
    const rules = (...given: Parameters<typeof explainChat>) =>
      explainChat(...given).spans.map(({ message, rule }) => [message, rule]);
    expect(rules(chat('One', 'Two'), characterTokenizer())).toEqual([
      [1, 'prefixes'],
      [3, 'prefixes'],
    ]);
    expect(
      rules(chat(...Array<string>(40).fill('Yes')), characterTokenizer(), { maxLength: 9999 })[35],
    ).toEqual([71, 'repeated-turns']);
    const thoughtful = chat('<think>\nHm\n</think>\n\nOne', '<think>\nHm\n</think>\n\nTwo');
    expect(rules(thoughtful, thinkingTokenizer()).map(([, rule]) => rule)).toEqual(['prefixes', 'prefixes']);
    const rewriting = plainTemplates().find(({ name }) => name === 'deepseek-r1-distill');
    expect(rules(chat('One'), templateTokenizer(rewriting!))).toEqual([[1, 'substituted-texts']]);
    const marked = templateTokenizer(markedTemplates()[0]!);
    expect(rules(chat('One'), marked, { allowHidden: ['messages'] })).toEqual([[-1, 'generation-marks']]);
  });

  it('tells a refusal with the tokens, as far as there are any', () => {
    const empty = explainChat(chat(''), characterTokenizer());
    expect(empty.refusal).toBeInstanceOf(NoSupervisedTokensError);
    expect(empty.tokenIds.length).toBeGreaterThan(10);
    const refusing = {
      ...characterTokenizer(),
      renderChat: () => {
        throw new Error('roles must alternate');
      },
    };
    const refused = explainChat(chat('Yes'), refusing);
    expect(refused.refusal).toBeInstanceOf(ChatTemplateError);
    expect(refused.refusal?.message).toContain('roles must alternate');
    expect(refused.tokenIds).toEqual([]);
    const tools = explainChat({ ...chat('Yes'), tools: [{ name: 'f' }] }, characterTokenizer());
    expect(tools.refusal?.message).toMatch(/does not show the tools/);
    expect(tools.responseMask).toBeUndefined();
  });

  it('tells the better answer of a pair, and refuses for the worse', () => {
    const pair = (worse: string) => ({ ...chat('Yes'), rejected: chat(worse).messages });
    expect(explainChat(pair('No'), characterTokenizer())).toEqual(
      explainChat(chat('Yes'), characterTokenizer()),
    );
    expect(explainChat(pair(''), characterTokenizer()).refusal?.message).toMatch(/no token to learn/);
  });

  it('gives neither mask nor refusal where an example is left out, and refuses unknown options', () => {
    const long = explainChat(chat('A long answer'), characterTokenizer(), {
      maxLength: 5,
      onTooLong: 'skip',
    });
    expect(long.responseMask).toBeUndefined();
    expect(long.refusal).toBeUndefined();
    expect(() => explainChat(chat('a'), characterTokenizer(), { maxLenght: 3 } as object)).toThrow(
      DatasetOptionError,
    );
  });
});
