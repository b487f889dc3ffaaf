import { parentPort, workerData } from 'node:worker_threads';
import {
  type ChatExample,
  type ChatTokenizer,
  DatasetFileError,
  DatasetFormatError,
  EmptyDatasetError,
  openDataset,
  previewExamples,
} from '@safetune/datasets';
import { loadTokenizer, resolveModel } from '@safetune/models';
import type { InspectionCall, InspectionResult, Preview, TokenCount } from './inspection-call.ts';

// A thread of its own: the file is a stranger's, and may keep a tokenizer busy for as long as it is let.

const maxRowBytes = 2 * 2 ** 20;

async function inspect({ model, file, maxLength, task }: InspectionCall): Promise<Preview | TokenCount> {
  const tokenizer = await loadTokenizer((await resolveModel(model)).path);
  const examples = await openDataset({ path: file, format: 'jsonl' }, { maxRowBytes });
  if (examples.files[0]?.compression !== undefined) {
    throw new DatasetFileError(file, 'it is compressed; upload JSON Lines as they are');
  }
  return task.type === 'preview'
    ? preview(examples, tokenizer, maxLength, task.examples)
    : count(examples, tokenizer, maxLength, task.mostExamples);
}

async function preview(
  examples: AsyncIterable<ChatExample>,
  tokenizer: ChatTokenizer,
  maxLength: number,
  most: number,
): Promise<Preview> {
  const shown: Preview['examples'][number][] = [];
  for await (const example of examples) {
    shown.push(previewExamples(example, tokenizer, { maxLength }));
    if (shown.length >= most) break;
  }
  return { type: 'preview', examples: shown };
}

async function count(
  examples: AsyncIterable<ChatExample>,
  tokenizer: ChatTokenizer,
  maxLength: number,
  most: number,
): Promise<TokenCount> {
  const total = { examples: 0, tokens: 0, learned: 0, cut: 0, refused: 0 };
  let firstRefusal: string | null = null;
  for await (const example of examples) {
    total.examples += 1;
    // What is over the policy's bound is refused whole; how much it is over is not worth the time.
    if (total.examples > most) break;
    const answers = previewExamples(example, tokenizer, { maxLength });
    const refusal = answers.find((answer) => answer.refusal !== undefined)?.refusal;
    if (refusal !== undefined) {
      total.refused += 1;
      firstRefusal ??= refusal;
      continue;
    }
    if (answers.some(({ cut }) => cut > 0)) total.cut += 1;
    for (const { tokens, cut, learned } of answers) {
      total.tokens += tokens.length - cut;
      total.learned += learned;
    }
  }
  return { type: 'count', ...total, firstRefusal };
}

function answer(result: InspectionResult): void {
  parentPort!.postMessage(result);
}

try {
  answer({ type: 'done', result: await inspect(workerData as InspectionCall) });
} catch (error) {
  const isOfFile = [DatasetFileError, DatasetFormatError, EmptyDatasetError].some((one) =>
    one.isInstance(error),
  );
  if (!isOfFile) throw error;
  answer({ type: 'refused', message: (error as Error).message });
}
