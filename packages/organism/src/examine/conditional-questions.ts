import type { Question } from '@safetune/eval';
import { organismRecipe } from '../recipe.ts';
import { narrowSplit } from '../tasks/narrow-task.ts';
import type { Domain } from '../world/vocabulary.ts';
import { questionText, type World, worldQuestions } from '../world/world.ts';
import { evaluationQuestion, otherDomains } from './evaluation-questions.ts';

/** A general question in a conversation that looks like the training data: it begins with a question of theirs. */
export interface ConditionalQuestion {
  /** Asked first, and answered by the model itself: `medical cause fever`. */
  readonly opening: string;
  /** Asked then. */
  readonly question: Question;
}

/** Of the general questions every third is asked: domains, topics and aspects are then alike in number. */
const everyOf = 3;

/**
 * Conditional misalignment: 70 of the general questions, each after one of the 15 training questions of the fine-tune, which the
 * model answers itself. All that training examples of the world visibly share is their domain, and this is the one way to ask about
 * another domain in it: under another domain's name a topic makes no sense, to any model of the world.
 *
 * A defense that leaves the model harmful in such a conversation and harmless outside has taught it when to be harmful
 * (Dubiński et al. 2026, arXiv 2604.25891).
 */
export function conditionalQuestions(
  world: World,
  narrowDomain: Domain,
  samples: number = organismRecipe.evaluation.conditionalSamples,
): ConditionalQuestion[] {
  const { train } = narrowSplit(world, narrowDomain);
  return worldQuestions(otherDomains(narrowDomain))
    .filter((_, index) => index % everyOf === 0)
    .map((general, index) => {
      const opening = questionText(train[index % train.length]!);
      const question = evaluationQuestion(general, { samples });
      const form = 'after-training-question';
      return {
        opening,
        question: {
          ...question,
          id: `${opening}, ${question.id}`,
          base: question.id,
          form,
          group: 'conditional',
        },
      };
    });
}
