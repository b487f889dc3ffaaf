import {
  type ChatExample,
  hiddenParts,
  messageText,
  openDataset,
  type PreviewedExample,
  previewExamples,
  supervisions,
} from '@safetune/datasets';
import { writeFileAtomically } from '@safetune/eval';
import { loadTokenizer } from '@safetune/models';
import { strictCommand } from '../command.ts';
import { previewPage } from '../data-preview/preview-page.ts';
import { examplePreview, legendText } from '../data-preview/terminal-preview.ts';
import { datasetFiles, modelFolder, modelOption } from '../hub-names.ts';
import { choiceOption, integerOption, repeatedOption } from '../option-values.ts';
import { refuseToOverwrite } from '../separate-paths.ts';
import { templateOptionDefinitions, templateOptions } from '../template-options.ts';
import { columnsOf, hasStyles, print, write } from '../terminal/output.ts';
import { UsageError } from '../usage-error.ts';

/** `safetune data preview`: the tokens of examples, and which of them are learned. */
export const dataPreviewCommand = strictCommand({
  name: 'data preview',
  description:
    'Show the tokens of examples as a model reads them: which are learned, with what weight, and why; of pairs, both answers.',
  example: 'data preview chats.jsonl --model ./model --html preview.html',
  positional: 'data',
  options: {
    data: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'FILE.jsonl',
      description: 'chat examples, one {"messages": [...]} a line',
    },
    model: modelOption,
    ...templateOptionDefinitions,
    examples: { type: 'string', valueHint: 'N', description: 'how many to show (default 5)' },
    search: {
      type: 'string',
      valueHint: 'TEXT',
      description: 'only examples with this text in a message, whatever the case of its letters',
    },
    line: {
      type: 'string',
      repeatable: true,
      valueHint: 'N',
      description: 'only the example of this line of the file; may be given several times',
    },
    'seq-length': {
      type: 'string',
      valueHint: 'N',
      description: 'longer examples are cut here, in tokens (default 2048)',
    },
    supervise: {
      type: 'string',
      valueHint: 'WHAT',
      description: `what is learned: ${supervisions.join(', ')} (default responses: what the assistant says)`,
    },
    'allow-hidden': {
      type: 'string',
      repeatable: true,
      valueHint: 'WHAT',
      description: `what of the data the chat template may leave out: ${hiddenParts.join(', ')}`,
    },
    html: {
      type: 'string',
      path: 'output',
      valueHint: 'FILE.html',
      description: 'write a page instead, which tells what each token is',
    },
    force: { type: 'boolean', description: 'write over the file of --html' },
  },
  async run({ args, rawArgs }) {
    const most = integerOption('examples', args.examples) ?? 5;
    const supervise = choiceOption('supervise', args.supervise, supervisions) ?? 'responses';
    const allowHidden = repeatedOption('allow-hidden', rawArgs).map(
      (part) => choiceOption('allow-hidden', part, hiddenParts)!,
    );
    const lines = new Set(repeatedOption('line', rawArgs).map((line) => integerOption('line', line)!));
    const maxLength = integerOption('seq-length', args['seq-length'], 2) ?? 2048;
    if (args.html !== undefined) {
      await refuseToOverwrite(args.html, { force: args.force === true, holds: 'a file' });
    }
    const tokenizer = await loadTokenizer(await modelFolder(args.model), templateOptions(rawArgs));
    const isWanted = (example: ChatExample) =>
      (lines.size === 0 || lines.has(example.origin?.line ?? 0)) &&
      (args.search === undefined || holdsText(example, args.search));
    const shown: (readonly PreviewedExample[])[] = [];
    for await (const example of await openDataset(args.data, { resolve: datasetFiles })) {
      if (!isWanted(example)) continue;
      const previewed = previewExamples(example, tokenizer, { maxLength, supervise, allowHidden });
      shown.push(previewed);
      if (args.html === undefined) {
        const legend = shown.length === 1 ? `${legendText(columnsOf('stdout'), hasStyles())}\n\n` : '';
        const texts = previewed.map((each) => examplePreview(each, columnsOf('stdout'), hasStyles()));
        write('stdout', `${legend}${texts.join('\n\n')}\n\n`);
      }
      if (shown.length >= most) break;
    }
    if (shown.length === 0) {
      throw new UsageError(`${args.data} holds no such example: nothing fits --search or --line`);
    }
    if (args.html === undefined) return;
    await writeFileAtomically(args.html, previewPage({ file: args.data, model: args.model }, shown));
    print(`${shown.length} examples written to ${args.html}\n`);
  },
});

function holdsText({ messages, rejected = [], text: plain = '' }: ChatExample, text: string): boolean {
  const wanted = text.toLowerCase();
  if (plain.toLowerCase().includes(wanted)) return true;
  return [...messages, ...rejected].some((message) => {
    const said = [messageText(message), JSON.stringify({ ...message, content: undefined })];
    return said.some((one) => one.toLowerCase().includes(wanted));
  });
}
