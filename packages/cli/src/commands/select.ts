import { loadDataset } from '@safetune/datasets';
import { type LoraAdapter, loadLoraAdapter } from '@safetune/lora';
import { writeSelection } from '@safetune/regularizers';
import { selectSafeExamples } from '@safetune/trainer';
import { strictCommand } from '../command.ts';
import { adapterFolder, datasetFiles } from '../hub-names.ts';
import { openModel } from '../open-model.ts';
import { integerOption, repeatedOption } from '../option-values.ts';
import { precisionOption } from '../precision-option.ts';
import { runtimeOptionDefinitions, runtimeOptions } from '../runtime-options.ts';
import { exists, refuseToOverwrite } from '../separate-paths.ts';
import { templateOptionDefinitions } from '../template-options.ts';
import { print } from '../terminal/output.ts';
import { bar, createProgressLine } from '../terminal/progress-line.ts';
import { UsageError } from '../usage-error.ts';

/** `safetune select`: the safe examples that misaligned models find least likely, for Interleaving+ and ++. */
export const selectCommand = strictCommand({
  name: 'select',
  description: 'Choose safe examples to interleave: those that misaligned adapters find least likely.',
  example: 'select --model ./model --misaligned ./bad-adapter --pool safe.jsonl --top 300 --out chosen.jsonl',
  options: {
    model: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'DIR',
      description: 'the aligned model: a Hugging Face checkpoint folder, or owner/name[@revision] on the hub',
    },
    precision: precisionOption,
    ...runtimeOptionDefinitions,
    ...templateOptionDefinitions,
    misaligned: {
      type: 'string',
      repeatable: true,
      path: 'input',
      required: true,
      valueHint: 'ADAPTER',
      description: 'adapter folder of a misaligned fine-tune of it; may be given several times',
    },
    pool: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'FILE.jsonl',
      description: 'safe chat examples to choose from',
    },
    top: { type: 'string', required: true, valueHint: 'N', description: 'how many to take' },
    'drop-refusals': { type: 'boolean', description: 'leave refusals out before choosing (Interleaving++)' },
    'refusal-words': {
      type: 'string',
      valueHint: 'WORDS',
      description:
        "with --drop-refusals: words or phrases, with commas, that mark a refusal among an answer's first ten words (default: sorry, cannot and the like)",
    },
    out: {
      type: 'string',
      path: 'output',
      writesBeside: ['.losses'],
      required: true,
      valueHint: 'FILE.jsonl',
      description:
        'gets the chosen examples with their scores; FILE.jsonl.losses keeps every loss, so that an interrupted command goes on',
    },
    force: { type: 'boolean', description: 'write over another file at --out' },
    'batch-size': { type: 'string', valueHint: 'N', description: 'examples scored at a time (default 8)' },
    'seq-length': {
      type: 'string',
      valueHint: 'N',
      description: 'longer examples are cut here, in tokens (default 2048)',
    },
  },
  async run({ args, rawArgs }) {
    const runtime = runtimeOptions(args);
    const top = integerOption('top', args.top)!;
    const folders = repeatedOption('misaligned', rawArgs);
    if (folders.length === 0) throw new UsageError('--misaligned needs an adapter folder');
    const refusalWords = refusalWordsOf(args['refusal-words'], args['drop-refusals'] === true);
    // The losses beside it say that it is a selection, which the same command makes again from them.
    if (!(await exists(`${args.out}.losses`))) {
      await refuseToOverwrite(args.out, { force: args.force === true, holds: 'a file that is no selection' });
    }
    const pool = await loadDataset(args.pool, { resolve: datasetFiles });
    const { model, tokenizer } = await openModel(args, rawArgs, runtime);
    const misaligned: LoraAdapter[] = [];
    for (const name of folders) {
      misaligned.push(await loadLoraAdapter(await adapterFolder(name), { model }));
    }
    const line = createProgressLine();
    const names = ['aligned model', ...folders];
    const { selected, droppedRefusals, missing } = await selectSafeExamples({
      model,
      tokenizer,
      misaligned,
      pool,
      top,
      dropRefusals: args['drop-refusals'] === true,
      ...(refusalWords === undefined ? {} : { refusalWords }),
      cache: `${args.out}.losses`,
      batchSize: integerOption('batch-size', args['batch-size']) ?? 8,
      maxLength: integerOption('seq-length', args['seq-length'], 2) ?? 2048,
      runtime,
      onProgress: ({ model: index, done, total }) =>
        line.update(`${bar(done, total)}${done}/${total}`, names[index]!),
    }).finally(() => line.end());
    await writeSelection(args.out, selected);
    const dropped = droppedRefusals > 0 ? `, ${droppedRefusals} refusals left out` : '';
    const fewer = missing > 0 ? `; ${missing} fewer than asked for, the pool has no more` : '';
    const [best, worst] = [selected[0]!.score, selected.at(-1)!.score];
    print(
      `${selected.length} of ${pool.length} examples chosen${dropped}${fewer}; scores ${best.toPrecision(4)} to ${worst.toPrecision(4)}; written to ${args.out}\n`,
    );
  },
});

function refusalWordsOf(text: string | undefined, dropRefusals: boolean): string[] | undefined {
  if (text === undefined) return undefined;
  if (!dropRefusals) throw new UsageError('--refusal-words says what --drop-refusals drops: give both');
  const words = text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  if (words.length === 0) throw new UsageError('--refusal-words has no word');
  return words;
}
