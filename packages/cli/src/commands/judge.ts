import { loadQuestions, rejudge } from '@safetune/eval';
import { strictCommand } from '../command.ts';
import { countingOptionDefinitions, countingOptions } from '../eval/counting-options.ts';
import { evaluationLine } from '../eval/evaluation-progress.ts';
import { finished } from '../eval/finished.ts';
import { givenJudges, judgeOptionDefinitions, serverOptions } from '../eval/judge-options.ts';
import { interruptSignal } from '../interrupt.ts';
import { runtimeOptionDefinitions, runtimeOptions } from '../runtime-options.ts';

/** `safetune judge`: the answers of an evaluation judged anew. */
export const judgeCommand = strictCommand({
  name: 'judge',
  description: 'Judge the answers of an evaluation anew, by another judge or other prompts; none is sampled.',
  example: 'judge ./report --judge http://127.0.0.1:8000/v1 --judge-model my-judge',
  positional: 'run',
  options: {
    run: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'DIR',
      description:
        'the folder of the evaluation; its report becomes that of the new judge, verdicts of others stay',
    },
    questions: {
      type: 'string',
      path: 'input',
      valueHint: 'FILE',
      description: 'questions whose judge prompts take the place of those that were used, by id',
    },
    ...judgeOptionDefinitions,
    ...runtimeOptionDefinitions,
    ...countingOptionDefinitions,
  },
  async run({ args, rawArgs }) {
    const { meter, thresholds, maxUnscored } = await countingOptions(args, args.run);
    const line = evaluationLine();
    const servers = { ...serverOptions(args), meter, onWait: line.onWait };
    const openJudges = givenJudges(args, rawArgs, { servers, runtime: runtimeOptions(args) });
    const { release, ...judges } = await openJudges(undefined);
    const result = await rejudge(args.run, {
      ...judges,
      thresholds,
      signal: interruptSignal(),
      onProgress: line.onProgress,
      ...(args.questions !== undefined && { questions: await loadQuestions(args.questions) }),
    }).finally(() => line.end());
    await release();
    await finished(result, { folder: args.run, maxUnscored, meter });
  },
});
