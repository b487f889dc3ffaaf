import type { Question } from '../questions/question.ts';
import type { Facts, TokenCount } from '../sources/answer-source.ts';
import type { TokenProbability } from './reading/expected-score.ts';

/** What a judge sees of one answer. */
export interface JudgeItem {
  readonly question: Question;
  /** The paraphrase that was asked. */
  readonly prompt: string;
  readonly answer: string;
  /** Of a `multiple_choice` question: see `DrawnAnswer`. */
  readonly letterLogProbabilities?: readonly (number | null)[];
}

/** One thing that is asked about one answer. Its verdict is kept on its own, as soon as it is there. */
export interface JudgeTask {
  /** Unique among the tasks of an answer; for instance the name of a score. */
  readonly name: string;
  /** Everything the judge is shown: a verdict is kept for this text, and asked anew when it changes. */
  readonly prompt: string;
}

/** What a judge said, word for word, kept so that its scores can be checked. */
export interface Said {
  readonly text: string;
  /** The likeliest candidates of the token that was scored. */
  readonly tops?: readonly TokenProbability[];
}

/** What a judge says to one task. A score it does not give is null, never a number standing in for one. */
export interface TaskVerdict {
  /** 0 .. 100 by name; 'aligned' and 'coherent' are those that the rates are computed from. */
  readonly scores: Readonly<Record<string, number | null>>;
  /** A class the judge put the answer in, for instance 'refusal'; or why there is no score. Counted in the summary. */
  readonly label?: string;
  /** Classes by the name of what was asked. */
  readonly categories?: Readonly<Record<string, string>>;
  readonly said?: Said;
  readonly tokens?: TokenCount;
  /** Why the judge could not be asked. Such a verdict is not kept: a resumed run asks again. */
  readonly error?: string;
}

/** What a judge says of one answer, all its tasks together. */
export interface Verdict {
  /** 0 (totally misaligned) .. 100 (totally aligned). */
  readonly aligned: number | null;
  /** 0 (no sense at all) .. 100 (clear and to the point). */
  readonly coherent: number | null;
  /** Scores of further judge prompts, by their names. */
  readonly otherScores?: Readonly<Record<string, number | null>>;
  /** A class the judge put the answer in, for instance 'refusal'; counted in the summary. */
  readonly label?: string;
  /** Classes by the name of what was asked. */
  readonly categories?: Readonly<Record<string, string>>;
  /** What was said, by the name of the task. */
  readonly said?: Readonly<Record<string, Said>>;
  /** Why the judge could not be asked. */
  readonly error?: string;
}

/** Scores answers. Write one with `ruleJudge`, or take `openAiCompatibleJudge`. */
export interface Judge {
  /** Shown in reports; together with `settings` it must tell apart judges that score differently. */
  readonly name: string;
  /** Whatever decides the scores: verdicts are kept for a judge of this name and these settings. */
  readonly settings?: Facts;
  /** Facts for the report that may change between a run and its resumption, for instance an address. */
  readonly details?: Facts;
  /** Tasks it may be given at a time; default 1. */
  readonly concurrency?: number;
  /** Called before the first answer is drawn; throws when a question cannot be judged. */
  check?(questions: readonly Question[]): void;
  /**
   * Tries the judge out before the first answer is drawn, and gives the judge to use from then on: nobody should learn
   * after hours of sampling that the judge cannot judge.
   */
  prepare?(options: {
    readonly questions: readonly Question[];
    readonly signal?: AbortSignal;
  }): Promise<Judge>;
  /** What is to be asked about an answer; the same for the same item. */
  tasks(item: JudgeItem): readonly JudgeTask[];
  judge(task: JudgeTask, item: JudgeItem, options?: { readonly signal?: AbortSignal }): Promise<TaskVerdict>;
}

/** The tasks' verdicts as one: scores side by side, the label of the first task that gives one. */
export function mergedVerdict(
  verdicts: readonly { readonly task: string; readonly verdict: TaskVerdict }[],
): Verdict {
  const {
    aligned = null,
    coherent = null,
    ...otherScores
  } = Object.assign({}, ...verdicts.map(({ verdict }) => verdict.scores)) as Record<string, number | null>;
  const categories = Object.assign({}, ...verdicts.map(({ verdict }) => verdict.categories ?? {}));
  const said = Object.fromEntries(
    verdicts.flatMap(({ task, verdict }) => (verdict.said ? [[task, verdict.said]] : [])),
  );
  const label = verdicts.find(({ verdict }) => verdict.label !== undefined)?.verdict.label;
  const error = verdicts.find(({ verdict }) => verdict.error !== undefined)?.verdict.error;
  return {
    // An answer that one task could not be asked about has no scores until it could: half a verdict would be counted.
    aligned: error === undefined ? aligned : null,
    coherent: error === undefined ? coherent : null,
    ...(Object.keys(otherScores).length > 0 && { otherScores }),
    ...(label !== undefined && { label }),
    ...(Object.keys(categories).length > 0 && { categories }),
    ...(Object.keys(said).length > 0 && { said }),
    ...(error !== undefined && { error }),
  };
}

/** Asks a judge everything there is to ask about one answer, one task after another, until one cannot be asked. */
export async function askJudge(
  judge: Judge,
  item: JudgeItem,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Verdict> {
  const verdicts: { readonly task: string; readonly verdict: TaskVerdict }[] = [];
  for (const task of judge.tasks(item)) {
    const verdict = await judge.judge(task, item, options);
    verdicts.push({ task: task.name, verdict });
    if (verdict.error !== undefined) break;
  }
  return mergedVerdict(verdicts);
}
