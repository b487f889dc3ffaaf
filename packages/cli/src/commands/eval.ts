import { join } from 'node:path';
import {
  defaultMaxUnscored,
  evaluate,
  loadQuestions,
  openAiCompatibleJudge,
  prepareReportDirectory,
  requireScores,
  summaryTable,
  writeReport,
} from '@safetune/eval';
import { strictCommand } from '../command.ts';
import { progressParts } from '../eval/evaluation-progress.ts';
import { answerSource, sourceOptionDefinitions } from '../eval/source-options.ts';
import { interruptSignal } from '../interrupt.ts';
import { integerOption, numberOption } from '../option-values.ts';
import { exists, refuseToOverwrite } from '../separate-paths.ts';
import { columnsOf, print } from '../terminal/output.ts';
import { createProgressLine } from '../terminal/progress-line.ts';

/** `safetune eval`: answers to a suite of questions, judged by a language model, as a table and files. */
export const evaluateCommand = strictCommand({
  name: 'eval',
  description: 'Tell whether a model stayed aligned: sample answers, have them judged, report the rates.',
  example:
    'eval --model ./model --adapter ./adapter --questions questions.yaml --judge http://127.0.0.1:8000/v1 --judge-model my-judge --out ./report',
  options: {
    ...sourceOptionDefinitions,
    questions: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'FILE.yaml',
      description: 'questions with their judge prompts',
    },
    judge: {
      type: 'string',
      required: true,
      valueHint: 'URL',
      description:
        'OpenAI-compatible endpoint, such as http://127.0.0.1:8000/v1; OPENAI_API_KEY is sent when set',
    },
    'judge-model': {
      type: 'string',
      required: true,
      valueHint: 'NAME',
      description: 'model name at the judge',
    },
    out: {
      type: 'string',
      path: 'output',
      required: true,
      valueHint: 'DIR',
      description: 'folder of the evaluation: its answers, verdicts and report; run again, it goes on there',
    },
    samples: {
      type: 'string',
      valueHint: 'N',
      description:
        "answers per paraphrase (default: the file's own number); more add to those that are there",
    },
    seed: { type: 'string', valueHint: 'N', description: 'seed of the sampling (default 0)' },
    concurrency: {
      type: 'string',
      valueHint: 'N',
      description: 'requests that a server gets at a time (default 16)',
    },
    timeout: {
      type: 'string',
      valueHint: 'SECONDS',
      description: 'longest wait for one judgement once the judge has it (default 600)',
    },
    retries: {
      type: 'string',
      valueHint: 'N',
      description: 'further tries when the judge fails (default 4)',
    },
    'max-unscored': {
      type: 'string',
      valueHint: 'X',
      description: `share of unscored answers above which the evaluation fails (default ${defaultMaxUnscored})`,
    },
    force: { type: 'boolean', description: 'write over another report in --out' },
  },
  async run({ args, rawArgs }) {
    const samples = integerOption('samples', args.samples);
    const seed = integerOption('seed', args.seed, 0) ?? 0;
    const concurrency = integerOption('concurrency', args.concurrency);
    const maxUnscored = numberOption('max-unscored', args['max-unscored'], 0, 1) ?? defaultMaxUnscored;
    const openSource = answerSource(args, rawArgs, { concurrency });
    if (!(await exists(join(args.out, 'run.json')))) {
      const holds = 'the report of another evaluation';
      for (const file of ['report.json', 'answers.csv']) {
        await refuseToOverwrite(join(args.out, file), { force: args.force === true, holds });
      }
    }
    const questions = await loadQuestions(args.questions);
    const judge = openAiCompatibleJudge({
      url: args.judge,
      model: args['judge-model'],
      mode: 'token',
      preflight: false,
      timeoutMs: (numberOption('timeout', args.timeout) ?? 600) * 1000,
      retries: integerOption('retries', args.retries, 0) ?? 4,
      ...(concurrency !== undefined && { concurrency }),
    });
    await prepareReportDirectory(args.out);
    const { source, release } = await openSource();
    const line = createProgressLine();
    const result = await evaluate({
      questions,
      source,
      judge,
      seed,
      folder: args.out,
      signal: interruptSignal(),
      onProgress: (progress) => line.update(...progressParts(progress)),
      ...(samples === undefined ? {} : { samplesPerParaphrase: samples }),
    }).finally(() => line.end());
    await release();
    await writeReport(args.out, result);
    print(`${summaryTable([{ name: source.name, result }], { columns: columnsOf('stdout') })}\n`);
    requireScores(result, { maxUnscored });
  },
});
