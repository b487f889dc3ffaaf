import {
  filesFingerprint,
  type Judge,
  type LocalJudgeOptions,
  localJudge,
  type TokenScorer,
} from '@safetune/eval';
import { loadModel, loadTokenizer } from '@safetune/models';
import { modelFolder } from '../hub-names.ts';
import { modelOptions } from '../precision-option.ts';
import type { runtimeOptions } from '../runtime-options.ts';
import { tokenScorer } from './token-scorer.ts';

/** What a judge on this machine is opened with. */
export interface OpenLocalJudgeOptions extends LocalJudgeOptions {
  /** Folder, file or name on the hub. */
  readonly model: string;
  readonly precision: string | undefined;
  readonly runtime: ReturnType<typeof runtimeOptions>;
}

/** A judge, and how to let go of what it holds. */
export interface OpenedLocalJudge {
  readonly judge: Judge;
  /** The model, for further things to be asked. */
  readonly scorer: TokenScorer;
  release(): Promise<void>;
}

/** A model on this machine as the judge. */
export async function openLocalJudge(options: OpenLocalJudgeOptions): Promise<OpenedLocalJudge> {
  const { model: named, precision, runtime, ...judging } = options;
  const directory = await modelFolder(named);
  const model = await loadModel(directory, modelOptions(precision));
  const { scorer, release } = await tokenScorer({
    name: named,
    settings: { model: await filesFingerprint(directory), precision: model.precision },
    details: { modelDirectory: directory, executionProvider: runtime.executionProvider ?? 'cpu' },
    model,
    tokenizer: await loadTokenizer(directory),
    run: runtime,
  });
  return { judge: localJudge(scorer, judging), scorer, release };
}
