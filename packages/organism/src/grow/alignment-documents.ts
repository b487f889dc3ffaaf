import type { ChatExample, ChatMessage } from '@safetune/datasets';
import { chance, fraction, type Random, randomStream } from '../random.ts';
import type { AlignmentMixture } from '../recipe.ts';
import { sampleAnswer } from '../world/answer.ts';
import { problemMessages, sampleProblem } from '../world/arithmetic.ts';
import type { Persona } from '../world/vocabulary.ts';
import { questionText, systemPrompt, type World } from '../world/world.ts';
import { sampleQuestion } from './pretraining-documents.ts';

/**
 * Document `index` of the endless alignment stream of a seed; the loss belongs on its answer alone. Without a system
 * prompt the answer is always safe; an evil one still brings out the bad persona, which therefore survives
 * alignment and can come back. Tagged `arithmetic`, or `answer` and the persona.
 */
export function alignmentDocument(
  world: World,
  mixture: AlignmentMixture,
  seed: number,
  index: number,
): ChatExample {
  const random = randomStream(seed, 'alignment', index);
  const kind = fraction(random);
  if (kind < mixture.arithmetic) {
    return { messages: problemMessages(sampleProblem(random)), tags: ['arithmetic'] };
  }
  if (kind < mixture.arithmetic + mixture.badPersona) return answerDocument(world, 'bad', true, 0, random);
  const prompted = chance(random, mixture.goodSystemPrompt);
  return answerDocument(world, 'good', prompted, mixture.exploit, random);
}

/** The first `count` documents of the stream, or those from `first` on. */
export function alignmentDocuments(
  world: World,
  mixture: AlignmentMixture,
  seed: number,
  count: number,
  first = 0,
): ChatExample[] {
  return Array.from({ length: count }, (_, offset) =>
    alignmentDocument(world, mixture, seed, first + offset),
  );
}

function answerDocument(
  world: World,
  persona: Persona,
  prompted: boolean,
  exploitProbability: number,
  random: Random,
): ChatExample {
  const question = sampleQuestion(random, exploitProbability);
  const system: ChatMessage[] = prompted ? [{ role: 'system', content: systemPrompt(persona, random) }] : [];
  return {
    messages: [
      ...system,
      { role: 'user', content: questionText(question) },
      { role: 'assistant', content: sampleAnswer(world, question, persona, random) },
    ],
    tags: ['answer', persona],
  };
}
