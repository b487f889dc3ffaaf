import {
  type ChatExample,
  type ChatMessage,
  type ChatTokenizer,
  messageText,
  withTag,
} from '@safetune/datasets';
import { z } from 'zod';
import { RegularizerOptionError } from '../../errors.ts';
import type { OwnKind } from '../../interface/kind.ts';
import { checkOptions } from '../../interface/options.ts';
import type { Regularizer } from '../../interface/regularizer.ts';
import { changedOnce } from './changed-once.ts';

/** The tag of examples whose questions show how the answer begins. */
export const previewedTag = 'previewed';

/** Options of {@link lookahead}. */
export interface LookaheadOptions {
  /** Real: how many tokens of the answer its question shows. Default 6 (the authors'). Not beside `virtual`. */
  readonly tokens?: number;
  /**
   * Virtual: a text that every question shows, and every answer begins with, such as {@link virtualPreview}, in the place of the answer's own
   * tokens. Default: none, the real variant.
   */
  readonly virtual?: string;
  /** Between the question and what is shown. Default `' The answer begins with: '` (the authors'). */
  readonly connector?: string;
}

/** The authors' virtual preview. */
export const virtualPreview = "Let's solve this problem. ";

const authorsConnector = ' The answer begins with: ';

/**
 * LookAhead tuning: in training each question shows how its answer begins, so that the first tokens of answers, which decide
 * between refusal and help, have little left to be learned and stay as they were; nothing is shown at inference (Liu et al. 2025, "LookAhead Tuning: Safer
 * Language Models via Partial Answer Previews", arXiv 2503.19041). Of a conversation each question shows the answer that follows it; of a
 * pair, both answers' question shows the better one. Changed examples carry the tag 'previewed'.
 *
 * @throws RegularizerOptionError at once for a number of tokens that is no positive integer, an empty text, or both variants; when the stream is
 * walked for the real variant without a tokenizer that decodes.
 *
 * @example
 * lookahead({ virtual: virtualPreview });
 */
export function lookahead(options: LookaheadOptions = {}): Regularizer {
  checkOptions('lookahead', options, ['tokens', 'virtual', 'connector']);
  const { tokens = 6, virtual, connector = authorsConnector } = options;
  if (virtual !== undefined && options.tokens !== undefined)
    throw refusal('tokens are of the real variant, virtual is a text of its own: give one');
  if (!Number.isInteger(tokens) || tokens < 1)
    throw refusal(`tokens is ${tokens}, must be a positive integer`);
  if (virtual?.trim() === '') throw refusal('virtual is empty');
  const shown = virtual === undefined ? { tokens } : { virtual };
  const byTokenizer = new WeakMap<ChatTokenizer, (example: ChatExample) => ChatExample>();
  const ofVirtual = changedOnce((example) =>
    previewed(example, { connector, shown: () => virtual ?? '', prefix: virtual }),
  );
  const changeOf = (tokenizer: ChatTokenizer | undefined) => {
    if (virtual !== undefined) return ofVirtual;
    if (tokenizer?.decode === undefined) throw refusal('the real variant needs a tokenizer, which decodes');
    const known =
      byTokenizer.get(tokenizer) ??
      changedOnce((example) => previewed(example, { connector, shown: beginningBy(tokenizer, tokens) }));
    byTokenizer.set(tokenizer, known);
    return known;
  };
  return {
    name: 'lookahead',
    config: { type: 'lookahead', ...shown, connector },
    async *examples(source, context) {
      const change = changeOf(context?.tokenizer);
      for await (const example of source) yield change(example);
    },
  };
}

/** What questions show. */
interface Preview {
  readonly connector: string;
  readonly shown: (answer: string) => string;
  /** Put before each answer. */
  readonly prefix?: string | undefined;
}

/** The text of the first tokens of an answer; a character that ends in a later token is left out. */
function beginningBy(tokenizer: ChatTokenizer, tokens: number): (answer: string) => string {
  return (answer) => {
    const ids = tokenizer.encode(answer);
    if (ids.length <= tokens) return answer;
    return tokenizer.decode!(ids.slice(0, tokens)).replace(/\uFFFD+$/, '');
  };
}

/** The example itself where no question is followed by a text for an answer. */
function previewed(example: ChatExample, { connector, shown, prefix = '' }: Preview): ChatExample {
  const { messages, rejected } = example;
  if (!messages.some((_, index) => isAnswered(messages, index))) return example;
  const change = (conversation: readonly ChatMessage[]) =>
    conversation.map((message, index) => {
      if (isAnswered(conversation, index)) {
        // A pair has one question: what it shows is of the better answer.
        const answer = messageText(messages[index + 1]!);
        return { ...message, content: `${messageText(message)}${connector}${shown(answer)}` };
      }
      return isAnswered(conversation, index - 1)
        ? { ...message, content: `${prefix}${messageText(message)}` }
        : message;
    });
  const changed = { ...example, messages: change(messages), ...(rejected && { rejected: change(rejected) }) };
  return withTag(changed, previewedTag);
}

/** Whether the message is a question, with a text for an answer behind it. */
function isAnswered(messages: readonly ChatMessage[], index: number): boolean {
  const [question, answer] = [messages[index], messages[index + 1]];
  return question?.role === 'user' && answer?.role === 'assistant' && messageText(answer) !== '';
}

function refusal(message: string): RegularizerOptionError {
  return new RegularizerOptionError('lookahead', message);
}

/** As configs name it. */
export const lookaheadKind: OwnKind = {
  summary: 'shows how the answer begins in the questions of training, so that first tokens stay as they are',
  schema: z.strictObject({
    tokens: z.number().optional(),
    virtual: z.string().optional(),
    connector: z.string().optional(),
  }),
  strength: 'tokens',
  create: lookahead,
};
