import { parentPort, workerData } from 'node:worker_threads';
import {
  type ChatTokenizer,
  DatasetFileError,
  DatasetFormatError,
  EmptyDatasetError,
  openDataset,
  previewExamples,
} from '@safetune/datasets';
import {
  loadTokenizer,
  resolveModel,
  TokenizationError,
  type Tokenizer,
  UnusableModelError,
} from '@safetune/models';
import { ApiError } from '../errors.ts';
import { readTrainingFile } from '../policy/read-training-file.ts';
import { refuseTurnMarkers } from '../policy/turn-markers.ts';
import type { InspectionCall, InspectionResult, Preview, TokenCount } from './inspection-call.ts';

// A thread of its own: the file is a stranger's, and may keep a tokenizer busy for as long as it is let.

const maxRowBytes = 2 * 2 ** 20;

async function inspect({ model, file, maxLength, task }: InspectionCall): Promise<Preview | TokenCount> {
  const { path, tokenizer } = await openModel(model);
  // Where both lie here is nobody's business.
  const told = (refusal: string) => refusal.replaceAll(`${file}:`, 'line ').replaceAll(path, 'the model');
  if (task.type === 'count') {
    const counted = await count(file, tokenizer, maxLength, task);
    return { ...counted, firstRefusal: counted.firstRefusal && told(counted.firstRefusal) };
  }
  const { examples, ...shown } = await preview(file, tokenizer, maxLength, task.examples);
  const withoutPlace = examples.map((answers) =>
    answers.map((one) => (one.refusal === undefined ? one : { ...one, refusal: told(one.refusal) })),
  );
  return { ...shown, examples: withoutPlace };
}

/** @throws UnusableModelError for a model that has none, or none that can be read. */
async function openModel(model: string): Promise<{ readonly path: string; readonly tokenizer: Tokenizer }> {
  try {
    const { path } = await resolveModel(model);
    return { path, tokenizer: await loadTokenizer(path) };
  } catch (cause) {
    throw new UnusableModelError(model, (cause as Error).message, { cause });
  }
}

/** Of the first examples alone: what is behind them is not read. */
async function preview(
  file: string,
  tokenizer: ChatTokenizer,
  maxLength: number,
  most: number,
): Promise<Preview> {
  const examples = await openDataset({ path: file, format: 'jsonl' }, { maxRowBytes });
  if (examples.files[0]?.compression !== undefined) {
    throw new DatasetFileError(file, 'it is compressed; upload JSON Lines as they are');
  }
  const shown: Preview['examples'][number][] = [];
  for await (const example of examples) {
    shown.push(previewExamples(example, tokenizer, { maxLength }));
    if (shown.length >= most) break;
  }
  return { type: 'preview', examples: shown };
}

/** Of all examples, read as a job reads them. */
async function count(
  file: string,
  tokenizer: ChatTokenizer,
  maxLength: number,
  { method, mostExamples: most }: InspectionCall['task'] & { readonly type: 'count' },
): Promise<TokenCount> {
  const { examples } = await readTrainingFile(file, { method, purpose: 'training_file', most });
  refuseTurnMarkers(examples, tokenizer, 'training_file');
  const total = { examples: examples.length, tokens: 0, learned: 0, cut: 0, refused: 0 };
  let firstRefusal: string | null = null;
  for (const example of examples) {
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
  const ofFile = [ApiError, DatasetFileError, DatasetFormatError, EmptyDatasetError, TokenizationError];
  const { message } = error as Error;
  if (UnusableModelError.isInstance(error)) answer({ type: 'unavailable', reason: message });
  else if (ofFile.some((one) => one.isInstance(error))) answer({ type: 'refused', message });
  else throw error;
}
