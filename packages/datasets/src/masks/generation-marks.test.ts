import { expect, it } from 'vitest';
import { templateTokenizer, trainedTexts } from '../../../../conformance/template-tokenizer.ts';
import { mergingTokenizer } from '../__fixtures__/chat-tokenizers.ts';
import { ChatTemplateError } from '../errors.ts';
import { tokenizeChat } from './response-mask.ts';

const messages = [
  { role: 'user', content: 'one' },
  { role: 'assistant', content: 'two' },
  { role: 'user', content: 'three' },
  { role: 'assistant', content: 'four' },
];
const weighed = messages.with(1, { ...messages[1]!, train: false } as (typeof messages)[number]);

const marked = (body: string) =>
  templateTokenizer({
    name: 'marked',
    template: `{% for m in messages %}<|im_start|>{{ m.role }}:{% if m.role == 'assistant' %}${body}{% else %}{{ m.content }}<|im_end|>{% endif %}{% endfor %}`,
  });

function trained(body: string, options = {}, list = messages): string[] {
  const tokenizer = marked(body);
  return trainedTexts(tokenizeChat({ messages: list }, tokenizer, options), tokenizer);
}

const block = '{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}';

it('trains what the marks say, be it less or more than the response', () => {
  expect(trained(block)).toEqual(['two<|im_end|>', 'four<|im_end|>']);
  expect(
    trained('{{ m.content[0] }}{% generation %}{{ m.content[1:] }}<|im_end|>{% endgeneration %}'),
  ).toEqual(['wo<|im_end|>', 'our<|im_end|>']);
});

it('trains the end of the turn that stands right behind a mark', () => {
  expect(trained('{% generation %}{{ m.content }}{% endgeneration %}<|im_end|>')).toEqual([
    'two<|im_end|>',
    'four<|im_end|>',
  ]);
  expect(trained('{% generation %}{{ m.content }}{% endgeneration %}.<|im_end|>')).toEqual(['two', 'four']);
});

it('knows whose a mark is', () => {
  expect(trained(block, { supervise: 'last-response' })).toEqual(['four<|im_end|>']);
  expect(trained(block, {}, weighed)).toEqual(['four<|im_end|>']);
  const twice =
    '{% generation %}{{ m.content }}{% endgeneration %}-{% generation %}.<|im_end|>{% endgeneration %}';
  expect(trained(twice, {}, weighed)).toEqual(['four', '.<|im_end|>']);
});

it('refuses weights where that is unknown', () => {
  const further = '{% if messages|length == 4 %}{% generation %}x{% endgeneration %}{% endif %}';
  const late = `{% if loop.last %}${block}${further}${further}{% endif %}`;
  const allowed = { allowHidden: ['messages'] } as const;
  expect(trained(late, allowed)).toEqual(['four<|im_end|>xx']);
  let error: unknown;
  try {
    trained(late, allowed, weighed);
  } catch (thrown) {
    error = thrown;
  }
  expect(ChatTemplateError.isInstance(error)).toBe(true);
  expect(String(error)).toMatch(/marks 3 texts of 2 responses/);
});

it('takes the tokens across the borders of a mark, as transformers does', () => {
  const tokenizer = mergingTokenizer();
  const text = '<|im_start|>ask  two three<|im_end|>';
  const spans = [{ start: text.indexOf(' two'), end: text.indexOf('ree') }];
  const { tokenIds, responseMask } = tokenizeChat(
    { messages },
    { ...tokenizer, renderMarkedChat: () => ({ text, generated: spans }) },
  );
  const kept = [...tokenIds].filter((_, index) => responseMask[index] === 1);
  expect(tokenizer.decode(kept)).toBe('  two three<|im_end|>');
});
