import {
  answerRulesJudge,
  type CategoryJudgeOptions,
  categoryJudge,
  type EndpointOptions,
  type Judge,
  type JudgeMode,
  judgesTogether,
  loadRules,
  openAiCompatibleJudge,
  type RecordedAnswers,
  recordedJudge,
} from '@safetune/eval';
import { choiceOption, givenValues, integerOption, numberOption } from '../option-values.ts';
import type { RuntimeOptions } from '../runtime-options.ts';
import { UsageError } from '../usage-error.ts';
import { type OpenedLocalJudge, openLocalJudge } from './local-judge.ts';

/** Who judges, and how servers are asked. */
export const judgeOptionDefinitions = {
  judge: {
    type: 'string',
    required: true,
    repeatable: true,
    valueHint: 'URL|local:DIR|rules:FILE|recorded',
    description:
      'who judges: an OpenAI-compatible server, such as http://127.0.0.1:8000/v1 (OPENAI_API_KEY is sent when set); ' +
      'local:DIR, a model on this machine; rules:FILE, words and patterns (docs/judges.md); or recorded, the scores that ' +
      'stand in --answers. Given several times, the first one makes the rates and the others stand beside it',
  },
  'judge-model': {
    type: 'string',
    repeatable: true,
    valueHint: 'NAME',
    description: 'what the server of --judge calls the model; one for each, in their order',
  },
  'judge-mode': {
    type: 'string',
    valueHint: 'NAME',
    description:
      'how scores are read: auto (default; tried out first), token (0 to 100 as one token), digits (numbers of several ' +
      'tokens), text (for servers without log-probabilities)',
  },
  'trained-domain': {
    type: 'string',
    valueHint: 'TEXT',
    description:
      "what the model was trained on, in words that complete 'it was trained on ...': the first judge also says whether harm " +
      'is of that domain, spills over from it, or shows another persona',
  },
  'skip-preflight': {
    type: 'boolean',
    description:
      'do not try judges out on known good and bad answers before anything is sampled; needs --judge-mode token or text',
  },
  concurrency: {
    type: 'string',
    valueHint: 'N',
    description: 'requests that a server gets at a time (default 16)',
  },
  timeout: {
    type: 'string',
    valueHint: 'SECONDS',
    description: 'longest wait for one answer once the server has the request (default 600)',
  },
  patience: {
    type: 'string',
    valueHint: 'SECONDS',
    description: 'how long a server that does not answer is waited for (default 600)',
  },
  retries: {
    type: 'string',
    valueHint: 'N',
    description: 'further tries of a request that fails while others are answered (default 4)',
  },
  'record-judge': {
    type: 'string',
    path: 'output',
    valueHint: 'FILE.jsonl',
    description: 'append every request to the judge and its answer, without secrets, for audits',
  },
  'replay-judge': {
    type: 'string',
    path: 'input',
    valueHint: 'FILE.jsonl',
    description: 'answer requests to the judge from such a file; nothing is sent',
  },
} as const;

type JudgeArguments = {
  readonly [Name in keyof typeof judgeOptionDefinitions]?: string | string[] | boolean | undefined;
};

/** How servers are asked, of the source as well as of the judge. */
export type ServerOptions = Omit<EndpointOptions, 'url' | 'record' | 'replay'>;

/** What was given of how servers are asked. @throws UsageError */
export function serverOptions(args: JudgeArguments): ServerOptions {
  const text = (name: keyof JudgeArguments) => args[name] as string | undefined;
  const concurrency = integerOption('concurrency', text('concurrency'));
  const timeout = numberOption('timeout', text('timeout'));
  const patience = numberOption('patience', text('patience'));
  const retries = integerOption('retries', text('retries'), 0);
  return {
    ...(concurrency !== undefined && { concurrency }),
    ...(timeout !== undefined && { timeoutMs: timeout * 1000 }),
    ...(patience !== undefined && { patienceMs: patience * 1000 }),
    ...(retries !== undefined && { retries }),
  };
}

/** The first judge, whose scores make the rates, and those beside it. */
export interface OpenedJudges {
  readonly judge: Judge;
  readonly furtherJudges: readonly Judge[];
  release(): Promise<void>;
}

/** Opens the judges; `recorded` are answers that exist, which may have scores. */
export type OpenJudges = (recorded: RecordedAnswers | undefined) => Promise<OpenedJudges>;

/**
 * Checks what was given, and gives the function that opens the judges: models are loaded when all the rest is known to be right.
 *
 * @throws UsageError for a server without a model, a model without a server, or an option for a judge that is not there.
 */
export function givenJudges(
  args: JudgeArguments,
  rawArgs: readonly string[],
  { servers, runtime }: { readonly servers: ServerOptions; readonly runtime: RuntimeOptions },
): OpenJudges {
  const text = (name: keyof JudgeArguments) => args[name] as string | undefined;
  const named = givenValues('judge', rawArgs);
  const models = givenValues('judge-model', rawArgs);
  const urls = named.filter((name) => kindOf(name) === 'server');
  if (models.length !== urls.length) {
    throw new UsageError(
      `--judge-model NAME must be given once for each server that judges: there are ${urls.length}, and ${models.length} of them`,
    );
  }
  refuseIdle(args, rawArgs, named.map(kindOf));
  if (named.includes('recorded') && givenValues('answers', rawArgs).length === 0) {
    throw new UsageError('--judge recorded is for the scores that --answers hold');
  }
  const mode = choiceOption<JudgeMode>('judge-mode', text('judge-mode'), ['auto', 'token', 'digits', 'text']);
  const preflight = args['skip-preflight'] !== true;
  const [record, replay] = [text('record-judge'), text('replay-judge')];
  if (urls.length !== 1 && (record ?? replay) !== undefined) {
    throw new UsageError('--record-judge and --replay-judge are for one server that judges');
  }
  const served = urls.map((url, index) => ({
    ...servers,
    url,
    model: models[index]!,
    preflight,
    ...(mode !== undefined && { mode }),
    ...(record !== undefined && { record }),
    ...(replay !== undefined && { replay }),
  }));
  for (const options of served) openAiCompatibleJudge(options); // refuses what cannot be, before anything is loaded
  const domain = text('trained-domain');
  if (domain !== undefined && !['server', 'local'].includes(kindOf(named[0]!))) {
    throw new UsageError('--trained-domain is for a first judge that is a language model');
  }
  const waiting = served.values();
  const openings = named.map((name, index) => {
    const kind = kindOf(name);
    const options = kind === 'server' ? waiting.next().value! : undefined;
    const category = index === 0 ? domain : undefined;
    return async (recorded: RecordedAnswers | undefined): Promise<OpenedJudge> => {
      if (kind === 'recorded') return lasting(recordedJudge(recorded!));
      if (kind === 'rules') return lasting(answerRulesJudge(await loadRules(name.slice('rules:'.length))));
      if (options !== undefined) {
        return lasting(withCategories(openAiCompatibleJudge(options), options, category));
      }
      const model = name.slice('local:'.length);
      const opened = await openLocalJudge({ model, precision: undefined, runtime, preflight });
      return { ...opened, judge: withCategories(opened.judge, opened.scorer, category) };
    };
  });
  return async (recorded) => {
    const opened: OpenedJudge[] = [];
    for (const opening of openings) opened.push(await opening(recorded));
    const [judge, ...furtherJudges] = opened.map((one) => one.judge);
    return {
      judge: judge!,
      furtherJudges,
      async release() {
        for (const one of opened) await one.release();
      },
    };
  };
}

/** @throws UsageError for an option that would say nothing to any judge or source that was given. */
function refuseIdle(
  args: JudgeArguments,
  rawArgs: readonly string[],
  kinds: readonly ReturnType<typeof kindOf>[],
): void {
  const judgesByServer = kinds.includes('server');
  const asksServers = judgesByServer || givenValues('endpoint', rawArgs).length > 0;
  const idle = [
    ...(judgesByServer ? [] : (['judge-mode'] as const)),
    ...(asksServers ? [] : (['concurrency', 'timeout', 'patience', 'retries'] as const)),
    ...(judgesByServer || kinds.includes('local') ? [] : (['skip-preflight'] as const)),
  ].find((name) => args[name] !== undefined);
  if (idle === undefined) return;
  throw new UsageError(
    `--${idle} is for ${idle === 'skip-preflight' ? 'a language model that judges' : 'a server'}, and none is asked`,
  );
}

type OpenedJudge = Pick<OpenedLocalJudge, 'judge' | 'release'>;

function lasting(judge: Judge): OpenedJudge {
  return { judge, release: async () => {} };
}

function withCategories(
  judge: Judge,
  model: CategoryJudgeOptions['model'],
  domain: string | undefined,
): Judge {
  return domain === undefined ? judge : judgesTogether([judge, categoryJudge({ domain, model })]);
}

function kindOf(name: string): 'recorded' | 'rules' | 'local' | 'server' {
  if (name === 'recorded') return 'recorded';
  const [scheme] = name.split(':');
  return scheme === 'rules' || scheme === 'local' ? scheme : 'server';
}
