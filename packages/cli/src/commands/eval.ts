import { join } from 'node:path';
import {
  batchedSource,
  type EvaluationProgress,
  evaluate,
  filesFingerprint,
  loadQuestions,
  openAiCompatibleJudge,
  prepareReportDirectory,
  requireScores,
  summaryTable,
  writeReport,
} from '@safetune/eval';
import { loadLoraAdapter } from '@safetune/lora';
import { answerChats, createGenerator, loadModel, loadTokenizer } from '@safetune/models';
import { strictCommand } from '../command.ts';
import { adapterDescription, adapterFolder, modelFolder, modelOption } from '../hub-names.ts';
import { interruptSignal } from '../interrupt.ts';
import { integerOption, numberOption } from '../option-values.ts';
import { modelOptions, precisionOption } from '../precision-option.ts';
import { runtimeOptionDefinitions, runtimeOptions } from '../runtime-options.ts';
import { exists, refuseToOverwrite } from '../separate-paths.ts';
import { templateOptionDefinitions, templateOptions } from '../template-options.ts';
import { formatDuration } from '../terminal/duration.ts';
import { columnsOf, print } from '../terminal/output.ts';
import { bar, createProgressLine } from '../terminal/progress-line.ts';

/** `safetune eval`: answers of a model to a question file, judged by a language model, as a table and files. */
export const evaluateCommand = strictCommand({
  name: 'eval',
  description: 'Tell whether a model stayed aligned: sample answers, have them judged, report the rates.',
  example:
    'eval --model ./model --adapter ./adapter --questions questions.yaml --judge http://127.0.0.1:8000/v1 --judge-model my-judge --out ./report',
  options: {
    model: modelOption,
    precision: precisionOption,
    ...runtimeOptionDefinitions,
    ...templateOptionDefinitions,
    adapter: { type: 'string', path: 'input', valueHint: 'DIR', description: adapterDescription },
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
      description: "answers per paraphrase (default: the file's own number)",
    },
    'max-tokens': { type: 'string', valueHint: 'N', description: 'longest answer, in tokens (default 600)' },
    temperature: { type: 'string', valueHint: 'X', description: 'sampling temperature (default 1)' },
    'batch-size': { type: 'string', valueHint: 'N', description: 'answers generated at a time (default 16)' },
    seed: { type: 'string', valueHint: 'N', description: 'seed of the sampling (default 0)' },
    timeout: {
      type: 'string',
      valueHint: 'SECONDS',
      description: 'longest wait for one judgement (default 60)',
    },
    force: { type: 'boolean', description: 'write over another report in --out' },
    retries: {
      type: 'string',
      valueHint: 'N',
      description: 'further tries when the judge fails (default 4)',
    },
  },
  async run({ args, rawArgs }) {
    const runtime = runtimeOptions(args);
    const samples = integerOption('samples', args.samples);
    const seed = integerOption('seed', args.seed, 0) ?? 0;
    const temperature = numberOption('temperature', args.temperature) ?? 1;
    const maxNewTokens = integerOption('max-tokens', args['max-tokens']) ?? 600;
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
      timeoutMs: (numberOption('timeout', args.timeout) ?? 60) * 1000,
      retries: integerOption('retries', args.retries, 0) ?? 4,
    });
    await prepareReportDirectory(args.out);
    const modelDirectory = await modelFolder(args.model);
    const adapterDirectory = args.adapter === undefined ? undefined : await adapterFolder(args.adapter);
    const model = await loadModel(modelDirectory, modelOptions(args.precision));
    const template = templateOptions(rawArgs);
    const tokenizer = await loadTokenizer(modelDirectory, template);
    const adapter =
      adapterDirectory === undefined ? undefined : await loadLoraAdapter(adapterDirectory, { model });
    const generator = await createGenerator(model, {
      ...runtime,
      ...(adapter === undefined ? {} : { adapter }),
    });
    const source = batchedSource({
      name: args.adapter ?? args.model,
      settings: {
        model: await filesFingerprint(modelDirectory),
        adapter: adapterDirectory === undefined ? null : await filesFingerprint(adapterDirectory),
        precision: model.precision,
        temperature,
        maxNewTokens,
        templateArguments: JSON.stringify(template.templateArguments ?? {}),
      },
      details: {
        modelDirectory,
        adapterDirectory: adapterDirectory ?? null,
        precision: model.precision,
        executionProvider: runtime.executionProvider ?? 'cpu',
      },
      batchSize: integerOption('batch-size', args['batch-size']) ?? 16,
      generate: (requests, { signal }) =>
        answerChats(
          generator,
          tokenizer,
          requests.map(({ messages }) => messages),
          {
            maxNewTokens,
            temperature,
            seeds: requests.map((request) => request.seed),
            ...(signal === undefined ? {} : { signal }),
          },
        ),
    });
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
    await generator.release();
    await writeReport(args.out, result);
    print(`${summaryTable([{ name: source.name, result }], { columns: columnsOf('stdout') })}\n`);
    requireScores(result);
  },
});

/** The parts of the line of progress, the most important first. */
function progressParts(progress: EvaluationProgress): string[] {
  const { phase, done, total, perSecond, secondsLeft, endpointErrors } = progress;
  return [
    `${bar(done, total)}${phase} ${done}/${total}`,
    ...(secondsLeft === null ? [] : [`${formatDuration(secondsLeft)} left`]),
    ...(endpointErrors === 0 ? [] : [`${endpointErrors} unscored: the judge failed`]),
    ...(perSecond === null ? [] : [`${perSecond.toPrecision(2)} answers/s`]),
  ];
}
