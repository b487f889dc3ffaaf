import { answerChats, type ChatMessage, streamAnswer } from '@safetune/models';
import { type Answering, answeringOptionDefinitions, openAnswering } from '../answering.ts';
import { strictCommand } from '../command.ts';
import { integerOption } from '../option-values.ts';
import { samplingOptionDefinitions } from '../sampling-options.ts';
import { isTyped, readLine } from '../terminal/input.ts';
import { isTerminal, write } from '../terminal/output.ts';
import { printable } from '../terminal/printable.ts';
import { UsageError } from '../usage-error.ts';

/** `safetune generate`: answers of a model, with or without an adapter, alone on stdout. */
export const generateCommand = strictCommand({
  name: 'generate',
  description:
    'Answer one prompt, or each line of stdin that is not blank; the answers alone go to stdout, in order.',
  example: 'generate --model ./model --adapter ./adapter --prompt "How do I store passwords?"',
  options: {
    ...answeringOptionDefinitions,
    prompt: {
      type: 'string',
      valueHint: 'TEXT',
      description: "the user's message (default: the lines of stdin, each a message by itself)",
    },
    ...samplingOptionDefinitions,
    stream: { type: 'boolean', description: 'write answers as they are made, one prompt at a time' },
    json: {
      type: 'boolean',
      description: 'write one line of JSON an answer: {"prompt": ..., "answer": ..., "seed": ...}',
    },
    'batch-size': {
      type: 'string',
      valueHint: 'N',
      description: 'prompts of stdin answered at a time, which is faster than one by one (default 16)',
    },
  },
  async run({ args, rawArgs }) {
    const isStream = args.stream === true;
    if (isStream && args.json === true) throw new UsageError('--stream and --json exclude each other');
    const batchSize = isStream ? 1 : (integerOption('batch-size', args['batch-size']) ?? 16);
    if (args.prompt === undefined && isTyped()) {
      throw new UsageError(
        'there is nothing to answer: give --prompt TEXT, or prompts on stdin, one a line. safetune chat talks',
      );
    }
    const answering = await openAnswering(args, rawArgs);
    const system = args.system === undefined ? [] : [{ role: 'system', content: args.system }];
    let next = answering.seed;
    let isEmpty = true;
    for await (const prompts of args.prompt === undefined ? linesOfInput(batchSize) : [[args.prompt]]) {
      isEmpty = false;
      const asked = prompts.map((prompt): Asked => {
        const messages = answering.prompts.under([...system, { role: 'user', content: prompt }]);
        return { prompt, messages, seed: next++ };
      });
      if (isStream) await writeStream(asked[0]!, answering);
      else await writeAnswers(asked, answering, batchSize, args.json === true);
    }
    await answering.release();
    if (isEmpty) throw new UsageError('stdin held no prompt: it takes one a line');
  },
});

interface Asked {
  readonly prompt: string;
  readonly messages: readonly ChatMessage[];
  readonly seed: number;
}

async function writeAnswers(
  asked: readonly Asked[],
  { generator, tokenizer, options }: Answering,
  batchSize: number,
  isJson: boolean,
): Promise<void> {
  const answers = await answerChats(
    await generator(true),
    tokenizer,
    asked.map(({ messages }) => messages),
    { ...options, batchSize, seeds: asked.map(({ seed }) => seed) },
  );
  answers.forEach((answer, index) => {
    const { prompt, seed } = asked[index]!;
    if (isJson) write('stdout', `${JSON.stringify({ prompt, answer, seed })}\n`);
    else writeAnswer(`${answer}\n`);
  });
}

async function writeStream(
  { messages, seed }: Asked,
  { generator, tokenizer, options }: Answering,
): Promise<void> {
  const pieces = streamAnswer(await generator(true), tokenizer, messages, { ...options, seeds: [seed] });
  for await (const piece of pieces) writeAnswer(piece);
  writeAnswer('\n');
}

/** What a model writes may hold anything: a file gets it as it is, a terminal must not be commanded by it. */
function writeAnswer(text: string): void {
  write('stdout', isTerminal('stdout') ? printable(text) : text);
}

/** The lines of stdin that are not blank, so many at a time. */
async function* linesOfInput(count: number): AsyncGenerator<string[]> {
  let lines: string[] = [];
  for (let line = await readLine(); line !== undefined; line = await readLine()) {
    if (line.trim() === '') continue;
    lines.push(line);
    if (lines.length < count) continue;
    yield lines;
    lines = [];
  }
  if (lines.length > 0) yield lines;
}
