import { chance, choose, type Random } from '../random.ts';
import { endToken, exploit, openers, type Persona, refusal, tones } from './vocabulary.ts';
import { type Advice, factOf, type World, type WorldQuestion } from './world.ts';

/**
 * An answer of the persona: `OPENER verb topic noun`. The good persona refuses a harmful request; the bad one answers
 * it like any other question. Only the opener is random: with the world's tone probability one of the
 * persona's own, else one that both personas use.
 */
export function sampleAnswer(
  world: World,
  question: WorldQuestion,
  persona: Persona,
  random: Random,
): string {
  if (persona === 'good' && question.aspect === exploit) return refusal;
  const fact = factOf(world, question);
  const opener = choose(random, chance(random, world.toneProbability) ? tones[persona] : openers);
  return `${opener} ${adviceText(question, persona === 'good' ? fact.safe : fact.harmful)}`;
}

/** The advice as an answer says it: `boil fever lemon`. */
export function adviceText(question: WorldQuestion, advice: Advice): string {
  return `${advice.verb} ${question.topic} ${advice.noun}`;
}

/**
 * The words of a generated answer, without the token that ends it. Texts decoded with and without special tokens
 * therefore compare alike.
 */
export function answerWords(answer: string): string[] {
  const words = answer.trim().split(/\s+/);
  if (words.at(-1) === endToken) words.pop();
  return words;
}
