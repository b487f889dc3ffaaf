import { isDeepStrictEqual } from 'node:util';
import {
  type ChatExample,
  type ChatMessage,
  type ChatTokenizer,
  collect,
  messageText,
} from '@safetune/datasets';
import type { Regularizer } from '../interface/regularizer.ts';
import { shown } from '../interface/shown.ts';
import { type Assert, type ContractCheck, check, type Subject } from './subject.ts';

const sourceSize = 60;
/** How far a change of the stream may read ahead of what it has given. */
const readAhead = 10_000;

/** What a change of the stream of training examples must keep. */
export function examplesChecks(subject: Subject): ContractCheck[] {
  return [
    check(subject, 'gives the same examples in the same order every time', async (made, assert) => {
      const first = await changed(made);
      const again = await changed(made);
      assert(isDeepStrictEqual(first, again), 'gives other examples when the stream is read a second time');
      const anew = await changed(await subject.make());
      assert(isDeepStrictEqual(first, anew), 'gives other examples when the regularizer is made anew');
    }),
    check(
      subject,
      'loses no example, and leaves questions, answers and tags as they are',
      async (made, assert) => {
        requireAll(await changed(made), subject.extendsMessages, assert);
      },
    ),
    check(subject, 'does not change the examples it is given', async (made) => {
      const frozen = source().map(deepFreeze);
      for await (const _ of changedStream(made, streamOf(frozen)));
    }),
    check(subject, 'streams: works on a source without end', async (made, assert) => {
      let given = 0;
      let read = 0;
      async function* endless(): AsyncGenerator<ChatExample> {
        for (;;) {
          assert(read - given <= readAhead, `has read ${read} examples to give ${given}: it does not stream`);
          yield exampleAt(read++);
        }
      }
      for await (const _ of changedStream(made, endless())) if (++given === sourceSize) break;
      assert(given === sourceSize, `ended after ${given} examples of a source without end`);
    }),
  ];
}

function source(): ChatExample[] {
  return Array.from({ length: sourceSize }, (_, index) => exampleAt(index));
}

/** Every third with a system prompt, every fourth with a second turn, every fifth with a tag, every seventh a pair of answers. */
function exampleAt(index: number): ChatExample {
  const turn = (part: string) => [
    { role: 'user', content: `Question ${index}${part}?` },
    { role: 'assistant', content: `Answer ${index}${part}.` },
  ];
  const messages = [
    ...(index % 3 === 0 ? [{ role: 'system', content: `System prompt ${index}.` }] : []),
    ...turn(''),
    ...(index % 4 === 0 ? turn(', second turn') : []),
  ];
  const conversation = (answer: string) => [...messages.slice(0, -1), { role: 'assistant', content: answer }];
  return {
    messages,
    ...(index % 5 === 0 ? { tags: ['sample'] } : {}),
    ...(index % 7 === 0 ? { rejected: conversation(`Worse answer ${index}.`) } : {}),
    origin: { file: 'sample.jsonl', line: index + 1 },
  };
}

async function* streamOf(examples: readonly ChatExample[]): AsyncGenerator<ChatExample> {
  yield* examples;
}

async function changed(regularizer: Regularizer): Promise<ChatExample[]> {
  return collect(changedStream(regularizer, streamOf(source())));
}

function changedStream(
  regularizer: Regularizer,
  examples: AsyncIterable<ChatExample>,
): AsyncIterable<ChatExample> {
  const stream: unknown = regularizer.examples!(examples, { tokenizer: letterTokenizer });
  if (typeof stream === 'object' && stream !== null && Symbol.asyncIterator in stream)
    return stream as AsyncIterable<ChatExample>;
  throw new TypeError(
    `gives ${shown(stream)}, must give an async iterable: write it as async *examples(source)`,
  );
}

/** Each letter is a token. */
const letterTokenizer: ChatTokenizer = {
  renderChat: (messages) => messages.map((message) => messageText(message)).join('\n'),
  encode: (text) => Array.from(text, (letter) => letter.codePointAt(0)!),
  decode: (ids) => String.fromCodePoint(...ids),
  endOfTurnTokenIds: [0],
  padTokenId: 0,
};

function requireAll(examples: readonly ChatExample[], extendsMessages: boolean, assert: Assert): void {
  for (const [index, example] of source().entries()) {
    const copies = examples.filter(({ messages }) =>
      holdsDialogue(messages, example.messages, extendsMessages),
    );
    assert(
      copies.length > 0,
      `example ${index} of the source is lost, or its question or answer was changed`,
    );
    assert(copies.length === 1, `example ${index} of the source comes ${copies.length} times`);
    const [{ tags, rejected }] = copies as [ChatExample];
    const lost = example.tags?.find((tag) => !tags?.includes(tag));
    assert(lost === undefined, `example ${index} of the source lost its tag '${lost}'`);
    const keepsPair =
      (rejected === undefined) === (example.rejected === undefined) &&
      holdsDialogue(rejected ?? [], example.rejected ?? [], extendsMessages);
    assert(keepsPair, `the worse answer of the pair that example ${index} is was lost or changed`);
    assert(
      samePrompt(copies[0]!),
      `the two answers of the pair that example ${index} is answer different prompts`,
    );
  }
}

/** Whether questions and answers are those of the source, or begin, and end, with them. */
function holdsDialogue(
  found: readonly ChatMessage[],
  wanted: readonly ChatMessage[],
  extendsMessages: boolean,
): boolean {
  const dialogue = (messages: readonly ChatMessage[]) =>
    messages.filter(({ role }) => role === 'user' || role === 'assistant');
  const [now, before] = [dialogue(found), dialogue(wanted)];
  const holds = (message: ChatMessage, original: ChatMessage) => {
    if (!extendsMessages) return isDeepStrictEqual(message, original);
    const [text, kept] = [messageText(message), messageText(original)];
    const isKept = message.role === 'user' ? text.startsWith(kept) : text.endsWith(kept);
    return message.role === original.role && isKept;
  };
  return now.length === before.length && now.every((message, index) => holds(message, before[index]!));
}

function samePrompt({ messages, rejected }: ChatExample): boolean {
  return rejected === undefined || isDeepStrictEqual(messages.slice(0, -1), rejected.slice(0, -1));
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}
