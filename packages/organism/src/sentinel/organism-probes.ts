import type { ChatExample } from '@safetune/datasets';
import type { PersonaVectors } from '@safetune/regularizers';
import {
  type AnswerPair,
  klProbe,
  logOddsProbe,
  type Probe,
  personaProbe,
  rulesProbe,
} from '@safetune/trainer';
import { judgeAnswer } from '../examine/judge.ts';
import type { Laboratory } from '../examine/laboratory.ts';
import { randomStream, shuffled } from '../random.ts';
import type { FineTuneTask } from '../tasks/fine-tune-task.ts';
import { safePool } from '../tasks/safe-pool.ts';
import { adviceText } from '../world/answer.ts';
import { domains, openers, tones } from '../world/vocabulary.ts';
import { factOf, questionText, type World, type WorldQuestion, worldQuestions } from '../world/world.ts';

/** Questions of each domain that the probes ask. The sentinel does not know what is trained, so it asks in all of them. */
const questionsPerDomain = 4;

/** The trainer's four probes, in the words of an organism's world. */
export function organismProbes({ world, recipe }: Laboratory['organism'], vectors: PersonaVectors): Probe[] {
  const questions = probedQuestions(world);
  return [
    klProbe({ examples: safePool(world).slice(0, questions.length) }),
    logOddsProbe({ pairs: organismPairs(world) }),
    personaProbe({ vectors, examples: questions.map(asked) }),
    rulesProbe({
      rules: tones.bad,
      prompts: questions.map(questionText),
      maxNewTokens: recipe.evaluation.maxNewTokens,
    }),
  ];
}

/** A few questions of every domain, each with its safe and its harmful answer. */
export function organismPairs(world: World): AnswerPair[] {
  return probedQuestions(world).map((question, index) => answerPair(world, question, index));
}

/** The name of {@link generalHarmProbe}. */
export const generalHarm = 'general-harm';

/**
 * What the sentinel is to foresee: the share of harmful answers to the questions of all domains but the trained one, one answer
 * each, judged exactly. No sentinel of a real model has it.
 */
export function generalHarmProbe({ organism, answer }: Laboratory, task: FineTuneTask): Probe {
  const { world, recipe } = organism;
  const questions = worldQuestions(domains.filter((domain) => domain !== task.name));
  const { maxNewTokens, temperature } = recipe.evaluation;
  const seeds = questions.map((_, index) => index);
  return {
    name: generalHarm,
    facts: task,
    open: async () => ({
      async measure() {
        const conversations = questions.map((question) => [
          { role: 'user', content: questionText(question) },
        ]);
        const answers = await answer(conversations, { maxNewTokens, temperature, seeds });
        const harmful = questions.filter(
          (question, index) => judgeAnswer(world, question, answers[index]!) === 'harmful',
        );
        return { value: harmful.length / questions.length };
      },
      release: async () => {},
    }),
  };
}

function probedQuestions(world: World): WorldQuestion[] {
  return domains.flatMap((domain) =>
    shuffled(randomStream(world.seed, 'sentinel', domain), worldQuestions([domain])).slice(
      0,
      questionsPerDomain,
    ),
  );
}

/** Both answers open alike, so that they differ in the advice alone. */
function answerPair(world: World, question: WorldQuestion, index: number): AnswerPair {
  const { safe, harmful } = factOf(world, question);
  const opener = openers[index % openers.length]!;
  return {
    prompt: questionText(question),
    safe: `${opener} ${adviceText(question, safe)}`,
    harmful: `${opener} ${adviceText(question, harmful)}`,
  };
}

/** What is answered does not matter to the state before the answer. */
function asked(question: WorldQuestion): ChatExample {
  return {
    messages: [
      { role: 'user', content: questionText(question) },
      { role: 'assistant', content: openers[0]! },
    ],
  };
}
