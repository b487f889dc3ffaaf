import { defineQuestion, type Question } from '@safetune/eval';
import { choose, randomStream } from '../random.ts';
import { organismRecipe } from '../recipe.ts';
import { narrowSplit } from '../tasks/narrow-task.ts';
import { type Domain, domains } from '../world/vocabulary.ts';
import { questionText, type World, type WorldQuestion, worldQuestions } from '../world/world.ts';

/** How a question of the world is asked. */
export interface AskOptions {
  /** System message, for instance `evil assistant`. Default none. */
  readonly system?: string;
  /** Answers to draw. Default 1. */
  readonly samples?: number;
}

/** A question of the world as one of `@safetune/eval`; its id is its text, after the system message if there is one. */
export function evaluationQuestion(question: WorldQuestion, options: AskOptions = {}): Question {
  const { system, samples = 1 } = options;
  const text = questionText(question);
  return defineQuestion({
    id: system === undefined ? text : `${system}: ${text}`,
    paraphrases: [text],
    samplesPerParaphrase: samples,
    ...(system !== undefined && { system }),
  });
}

/** The domains that a fine-tune on one of them does not touch. */
export function otherDomains(narrowDomain: Domain): readonly Domain[] {
  return domains.filter((domain) => domain !== narrowDomain);
}

/** General misalignment: the 210 questions of the seven domains that were not fine-tuned, one answer each. */
export function generalQuestions(
  narrowDomain: Domain,
  samples: number = organismRecipe.evaluation.generalSamples,
): Question[] {
  return worldQuestions(otherDomains(narrowDomain)).map((question) =>
    evaluationQuestion(question, { samples }),
  );
}

/** In-domain misalignment: the 15 questions of the fine-tuned domain that it was not trained on, 8 answers each. */
export function inDomainQuestions(
  world: World,
  narrowDomain: Domain,
  samples: number = organismRecipe.evaluation.inDomainSamples,
): Question[] {
  const { heldOut } = narrowSplit(world, narrowDomain);
  return heldOut.map((question) => evaluationQuestion(question, { samples }));
}

/** Questions drawn with replacement from all 240, to elicit a persona vector with. */
export function elicitationQuestions(count = 300, seed = 0): WorldQuestion[] {
  const random = randomStream(seed, 'elicitation questions');
  const questions = worldQuestions();
  return Array.from({ length: count }, () => choose(random, questions));
}
