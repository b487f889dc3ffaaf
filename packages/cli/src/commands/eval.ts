import { join } from 'node:path';
import { evaluate, prepareReportDirectory } from '@safetune/eval';
import { strictCommand } from '../command.ts';
import { countingOptionDefinitions, countingOptions } from '../eval/counting-options.ts';
import { evaluationLine } from '../eval/evaluation-progress.ts';
import { finished } from '../eval/finished.ts';
import { givenJudges, judgeOptionDefinitions, serverOptions } from '../eval/judge-options.ts';
import { givenQuestions, questionOptionDefinitions } from '../eval/question-options.ts';
import { answerSource, sourceOptionDefinitions } from '../eval/source-options.ts';
import { interruptSignal } from '../interrupt.ts';
import { integerOption } from '../option-values.ts';
import { runtimeOptions } from '../runtime-options.ts';
import { exists, refuseToOverwrite } from '../separate-paths.ts';

/** `safetune eval`: answers to a suite of questions, judged by a language model, as a table and files. */
export const evaluateCommand = strictCommand({
  name: 'eval',
  description: 'Tell whether a model stayed aligned: sample answers, have them judged, report the rates.',
  example:
    'eval --model ./model --adapter ./adapter --questions builtin --judge http://127.0.0.1:8000/v1 --judge-model my-judge --out ./report',
  options: {
    ...sourceOptionDefinitions,
    ...questionOptionDefinitions,
    samples: {
      type: 'string',
      valueHint: 'N',
      description:
        "answers per paraphrase (default: the file's own number); more add to those that are there",
    },
    seed: { type: 'string', valueHint: 'N', description: 'seed of the sampling (default 0)' },
    ...judgeOptionDefinitions,
    ...countingOptionDefinitions,
    out: {
      type: 'string',
      path: 'output',
      required: true,
      valueHint: 'DIR',
      description: 'folder of the evaluation: its answers, verdicts and report; run again, it goes on there',
    },
    force: { type: 'boolean', description: 'write over another report in --out' },
  },
  async run({ args, rawArgs }) {
    const samples = integerOption('samples', args.samples);
    const seed = integerOption('seed', args.seed, 0) ?? 0;
    const { meter, thresholds, maxUnscored } = await countingOptions(args, args.out);
    const line = evaluationLine();
    const servers = { ...serverOptions(args), meter, onWait: line.onWait };
    const openSource = answerSource(args, rawArgs, servers);
    const openJudges = givenJudges(args, rawArgs, { servers, runtime: runtimeOptions(args) });
    if (!(await exists(join(args.out, 'run.json')))) {
      const holds = 'the report of another evaluation';
      for (const file of ['report.json', 'answers.csv']) {
        await refuseToOverwrite(join(args.out, file), { force: args.force === true, holds });
      }
    }
    const given = await givenQuestions(args);
    await prepareReportDirectory(args.out);
    const { source, questions, recorded, release } = await openSource(given);
    const { release: releaseJudges, ...judges } = await openJudges(recorded);
    const result = await evaluate({
      questions,
      source,
      ...judges,
      seed,
      thresholds,
      folder: args.out,
      signal: interruptSignal(),
      onProgress: line.onProgress,
      ...(samples === undefined ? {} : { samplesPerParaphrase: samples }),
    }).finally(() => line.end());
    await release();
    await releaseJudges();
    await finished(result, { folder: args.out, maxUnscored, meter });
  },
});
