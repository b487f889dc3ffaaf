import { createDataChecker, hiddenParts, openDataset, supervisions } from '@safetune/datasets';
import { loadQuestions, writeFileAtomically } from '@safetune/eval';
import { type LoraAdapter, loadLoraAdapter } from '@safetune/lora';
import { loadModel, loadTokenizer } from '@safetune/models';
import { loadPersonaVectors } from '@safetune/regularizers';
import { strictCommand } from '../command.ts';
import { checkPage } from '../data-check/check-page.ts';
import { checkText } from '../data-check/check-text.ts';
import { type ModelScore, modelScores, sortedScores } from '../data-check/model-scores.ts';
import { exceeded, parseThreshold } from '../data-check/thresholds.ts';
import { adapterFolder, datasetFiles, modelFolder, modelOption } from '../hub-names.ts';
import { choiceOption, integerOption, repeatedOption } from '../option-values.ts';
import { modelOptions, precisionOption } from '../precision-option.ts';
import { runtimeOptionDefinitions, runtimeOptions } from '../runtime-options.ts';
import { refuseToOverwrite } from '../separate-paths.ts';
import { templateOptionDefinitions, templateOptions } from '../template-options.ts';
import { columnsOf, print } from '../terminal/output.ts';
import { createProgressLine } from '../terminal/progress-line.ts';
import { UsageError } from '../usage-error.ts';

const checkNames = [
  'unreadable',
  'untrainable',
  'truncated',
  'duplicates',
  'empty',
  'refusals',
  'roles',
  'invisible',
  'secrets',
  'personal',
  'overlap',
  'scripts',
];

/** `safetune data check`: what is in a data set, before an hour is spent on it. */
export const dataCheckCommand = strictCommand({
  name: 'data check',
  description:
    'Tell what is in a data set before it is trained on: lengths, duplicates, secrets, what is invisible.',
  example:
    'data check chats.jsonl --model ./model --fail-on secrets --fail-on duplicates=5% --html check.html',
  positional: 'data',
  options: {
    data: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'FILE',
      description: 'chat examples: a file, a folder or a glob, as train takes it',
    },
    model: {
      ...modelOption,
      required: false,
      description: `${modelOption.description}; for lengths in tokens, and what its template refuses`,
    },
    ...templateOptionDefinitions,
    questions: {
      type: 'string',
      path: 'input',
      valueHint: 'FILE.yaml',
      description: 'evaluation questions that the data must not hold',
    },
    'fail-on': {
      type: 'string',
      repeatable: true,
      valueHint: 'NAME[=MOST]',
      description: `exit with 2 when a check finds something: secrets; or more than so many examples: refusals=10, duplicates=5%. The checks: ${checkNames.join(', ')}`,
    },
    report: { type: 'string', path: 'output', valueHint: 'FILE.json', description: 'also write all figures' },
    html: {
      type: 'string',
      path: 'output',
      valueHint: 'FILE.html',
      description: 'also write a page with charts',
    },
    force: { type: 'boolean', description: 'write over the files of --report and --html' },
    'seq-length': {
      type: 'string',
      valueHint: 'N',
      description: 'with --model: longer examples would be cut here, in tokens (default 2048)',
    },
    supervise: {
      type: 'string',
      valueHint: 'WHAT',
      description: `with --model: what is learned: ${supervisions.join(', ')} (default responses)`,
    },
    'allow-hidden': {
      type: 'string',
      repeatable: true,
      valueHint: 'WHAT',
      description: `with --model: what the chat template may leave out: ${hiddenParts.join(', ')}`,
    },
    'refusal-words': {
      type: 'string',
      valueHint: 'WORDS',
      description: "words or phrases, with commas, that mark a refusal among an answer's first ten words",
    },
    'answer-loss': {
      type: 'boolean',
      description: 'with --model: run it, for the loss of the answers of each example',
    },
    misaligned: {
      type: 'string',
      repeatable: true,
      path: 'input',
      valueHint: 'ADAPTER',
      description: 'with --model: a misaligned adapter of it, for the perplexity gap of each example',
    },
    'persona-vector': {
      type: 'string',
      path: 'input',
      valueHint: 'FILE.safetensors',
      description: 'with --model: persona vectors, for the projection of each example',
    },
    precision: precisionOption,
    ...runtimeOptionDefinitions,
  },
  async run({ args, rawArgs }) {
    const thresholds = repeatedOption('fail-on', rawArgs).map((text) => parseThreshold(text, checkNames));
    const maxLength = integerOption('seq-length', args['seq-length'], 2) ?? 2048;
    const supervise = choiceOption('supervise', args.supervise, supervisions) ?? 'responses';
    const allowHidden = repeatedOption('allow-hidden', rawArgs).map(
      (part) => choiceOption('allow-hidden', part, hiddenParts)!,
    );
    const refusalWords = repeatedOption('refusal-words', rawArgs);
    const adapters = repeatedOption('misaligned', rawArgs);
    const asksModel =
      args['answer-loss'] === true || adapters.length > 0 || args['persona-vector'] !== undefined;
    if (asksModel && args.model === undefined) {
      throw new UsageError('--answer-loss, --misaligned and --persona-vector need --model');
    }
    for (const [option, file] of [
      ['overlap', args.questions],
      ['untrainable', args.model],
      ['truncated', args.model],
    ] as const) {
      if (file === undefined && thresholds.some(({ check }) => check === option))
        throw new UsageError(
          `--fail-on ${option} needs --${option === 'overlap' ? 'questions' : 'model'}, or it would never fail`,
        );
    }
    for (const file of [args.report, args.html]) {
      if (file !== undefined) await refuseToOverwrite(file, { force: args.force === true, holds: 'a file' });
    }
    const vectors =
      args['persona-vector'] === undefined ? undefined : loadPersonaVectors(args['persona-vector']);
    const questions =
      args.questions === undefined
        ? undefined
        : (await loadQuestions(args.questions)).flatMap(({ paraphrases }) => paraphrases);
    const folder = args.model === undefined ? undefined : await modelFolder(args.model);
    const tokenizer =
      folder === undefined ? undefined : await loadTokenizer(folder, templateOptions(rawArgs));
    const checker = createDataChecker({
      ...(tokenizer && { tokenizer, tokenize: { maxLength, supervise, allowHidden } }),
      ...(questions && { questions }),
      ...(refusalWords.length > 0 && { refusalWords }),
    });
    const line = createProgressLine();
    const untrainable = new Set<number>();
    let examples = 0;
    const checked = await openDataset(args.data, {
      resolve: datasetFiles,
      onBadRow: (error) => checker.seeBadRow(error),
    });
    try {
      for await (const example of checked) {
        examples += 1;
        if (checker.see(example).has('untrainable')) untrainable.add(examples);
        if (examples % 500 === 0) line.update(`${examples} examples checked`);
      }
    } finally {
      line.end();
    }
    const report = checker.report();
    let scores: ModelScore[] = [];
    if (asksModel && folder !== undefined && tokenizer !== undefined && untrainable.size < examples) {
      const model = await loadModel(folder, modelOptions(args.precision));
      const misaligned: LoraAdapter[] = [];
      for (const name of adapters) {
        misaligned.push(await loadLoraAdapter(await adapterFolder(name), { model }));
      }
      const again = await openDataset(args.data, {
        resolve: datasetFiles,
        onBadRow: () => {},
        onFile: () => {},
      });
      const scored = await modelScores(again, {
        model,
        tokenizer,
        maxLength,
        misaligned,
        runtime: runtimeOptions(args),
        ...(vectors && { vectors }),
        isTrainable: (example) => !untrainable.has(example),
        onProgress: (what, done) => line.update(`${done}/${examples - untrainable.size}`, what),
      }).finally(() => line.end());
      scores = sortedScores(scored);
    }
    const failed = exceeded(report, thresholds);
    if (args.report !== undefined) {
      const written = { ...report, ...(scores.length > 0 && { scores }), failed };
      await writeFileAtomically(args.report, `${JSON.stringify(written, null, 2)}\n`);
    }
    if (args.html !== undefined) {
      await writeFileAtomically(args.html, checkPage({ data: args.data, maxLength, failed }, report, scores));
    }
    print(`${checkText(report, scores, columnsOf('stdout'))}\n`);
    for (const file of [args.report, args.html]) if (file !== undefined) print(`\nwritten to ${file}\n`);
    for (const sentence of failed) print(`\nFAILED ${sentence}\n`);
    if (failed.length > 0) process.exitCode = 2;
  },
});
