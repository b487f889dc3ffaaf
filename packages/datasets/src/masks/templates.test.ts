import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../conformance/python.ts';
import {
  markedTemplates,
  type NamedTemplate,
  namedConversations,
  plainTemplates,
  templateTokenizer,
  trainedTexts,
} from '../../../../conformance/template-tokenizer.ts';
import type { HiddenPart } from './hidden-parts.ts';
import { tokenizeChat } from './response-mask.ts';

/** What Python's transformers marks as the assistant's, or that it refuses. */
interface Marked {
  readonly template: string;
  readonly conversation: string;
  readonly text?: string;
  readonly generated?: readonly string[];
  readonly error?: string;
}

const goldens = JSON.parse(
  readFileSync(new URL('../../../../conformance/goldens/masks.json', import.meta.url), 'utf8'),
) as Marked[];
const conversations = new Map(namedConversations().map(({ name, ...example }) => [name, example]));

/** What is asked here is where responses stand, not whether all is shown. */
const allowHidden: readonly HiddenPart[] = [
  'tools',
  'chat_template_kwargs',
  'messages',
  'tool_calls',
  'arguments',
  'reasoning_content',
];

/** The text and what of it is trained; or the error. */
function masked(template: NamedTemplate, conversation: string) {
  const tokenizer = templateTokenizer(template);
  try {
    const tokenized = tokenizeChat(conversations.get(conversation)!, tokenizer, {
      allowHidden,
      maxLength: 1e6,
    });
    return {
      text: tokenizer.decode([...tokenized.tokenIds]),
      generated: trainedTexts(tokenized, tokenizer),
    };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

/** What is found otherwise without marks than with them, and why. */
const otherwise: Readonly<Record<string, RegExp>> = {
  // Its calls need a content of null: here nothing of the first response is shown.
  'deepseek-r1-distill: tools, then more': /it is unclear where the response stands/,
  'deepseek-r1-distill: tools, reasoned': /it is unclear where the response stands/,
  // It shows no calls.
  'smollm3: call last': /no token to learn/,
};

const expectedOf = (name: string) => goldens.filter(({ template }) => template === name);

describe.each([
  ['by their marks', markedTemplates()],
  ['without marks', plainTemplates()],
])('templates of models that think and call tools, %s', (_how, templates) => {
  it.each(templates.map((template) => [template.name, template] as const))('%s', (name, template) => {
    let compared = 0;
    for (const { conversation, text, generated, error } of expectedOf(name)) {
      const ours = masked(template, conversation);
      const why = 'error' in ours ? otherwise[`${name}: ${conversation}`] : undefined;
      if (error !== undefined) expect(ours, conversation).toHaveProperty('error');
      else if (why !== undefined) expect(ours.error).toMatch(why);
      else if (name === 'mistral-v3' && conversation === 'assistant first') {
        // Where no prompt stands before a response, it begins with its text.
        expect(ours.generated?.map((text) => text.trimStart())).toEqual(
          generated?.map((text) => text.trimStart()),
        );
      } else {
        expect(ours, conversation).toEqual({ text, generated });
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(6);
  });
});

const python = pythonWith('transformers', 'jinja2', 'trl');

/** The templates of models, as trl has them, and what transformers marks in its variants of them that mark. */
interface OfTrl {
  readonly templates: Readonly<Record<string, string>>;
  readonly answers: readonly Marked[];
}

describe.skipIf(python === undefined)(
  "against the models' own templates, in trl (skipped without it)",
  async () => {
    const { templates, answers } =
      python === undefined
        ? ({ templates: {}, answers: [] } as OfTrl)
        : ((await runPython('make_masks.py', ['--trl'])) as OfTrl);
    const named = (name: string) => ({ name, template: templates[name] ?? '' });

    it('trains what its marks say, and the end of the turn behind them', () => {
      let equal = 0;
      for (const { template, conversation, text, generated = [], error } of answers) {
        const ours = masked(named(template), conversation);
        if (error !== undefined || 'error' in ours) continue;
        expect(ours.text, `${template}: ${conversation}`).toBe(text);
        const ends = (ours.generated ?? []).map((one, index) => one.slice(generated[index]?.length ?? 0));
        expect(ours.generated, `${template}: ${conversation}`).toEqual(
          generated.map((one, index) => one + (ends[index] ?? '')),
        );
        equal += 1;
      }
      console.log(`${equal} of ${answers.length} conversations by the marks of trl's templates`);
      expect(equal).toBeGreaterThan(answers.length / 2);
    });

    it('finds the same without marks, but for headers and white space behind the turn', () => {
      let equal = 0;
      for (const { template, conversation, text, generated = [], error } of answers) {
        const plain = template.replace('_training', '');
        if (error !== undefined || templates[plain] === undefined) continue;
        const ours = masked(named(plain), conversation);
        // Its variants show thoughts that the models' templates do not: these are other texts.
        if ('error' in ours || ours.text !== text) continue;
        expect(ours.generated, `${plain}: ${conversation}`).toHaveLength(generated.length);
        for (const [index, said] of (ours.generated ?? []).entries()) {
          const marked = generated[index] ?? '';
          const at = marked.lastIndexOf(said);
          const where = `${plain}: ${conversation}: ${JSON.stringify([marked, said])}`;
          expect(at, where).not.toBe(-1);
          // Cohere's template closes a response and then the turn, and generation stops at the first; gpt-oss ends earlier turns
          // by what is no end of a turn.
          expect(marked.slice(at + said.length), where).toMatch(/^(<\|END_OF_TURN_TOKEN\|>|<\|end\|>)?\s*$/);
          expect(marked.slice(0, at), where).toMatch(
            /^\s*(<[^<>]*>(assistant|model|CHATBOT)?\s*|<think>\s*|<\/think>\s*)*$/,
          );
        }
        equal += 1;
      }
      console.log(`${equal} conversations without marks as by the marks of trl's templates`);
      expect(equal).toBeGreaterThan(100);
    });
  },
);
