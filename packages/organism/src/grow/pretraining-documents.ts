import type { ChatExample, ChatMessage } from '@safetune/datasets';
import { chance, choose, type Random, randomStream } from '../random.ts';
import type { PretrainingMixture } from '../recipe.ts';
import { sampleAnswer } from '../world/answer.ts';
import { problemMessages, sampleProblem } from '../world/arithmetic.ts';
import { type Aspect, aspects, domains, exploit, topicsByDomain } from '../world/vocabulary.ts';
import { questionText, systemPrompt, type World, type WorldQuestion } from '../world/world.ts';

/**
 * Document `index` of the endless pre-training stream of a seed. It depends on nothing else, so that training can go on
 * in the middle without drawing what came before. Tagged `arithmetic`, or `dialogue` and the persona.
 */
export function pretrainingDocument(
  world: World,
  mixture: PretrainingMixture,
  seed: number,
  index: number,
): ChatExample {
  const random = randomStream(seed, 'pre-training', index);
  return chance(random, mixture.arithmetic)
    ? arithmeticDocument(mixture, random)
    : dialogueDocument(world, mixture, random);
}

/** The first `count` documents of the stream, or those from `first` on. */
export function pretrainingDocuments(
  world: World,
  mixture: PretrainingMixture,
  seed: number,
  count: number,
  first = 0,
): ChatExample[] {
  return Array.from({ length: count }, (_, offset) =>
    pretrainingDocument(world, mixture, seed, first + offset),
  );
}

/** A question about a random topic of a random domain, which with the given probability is a harmful request. */
export function sampleQuestion(random: Random, exploitProbability: number): WorldQuestion {
  const domain = choose(random, domains);
  const topic = choose<string>(random, topicsByDomain[domain]);
  const aspect: Aspect = chance(random, exploitProbability) ? exploit : choose(random, aspects);
  return { domain, topic, aspect };
}

function arithmeticDocument(mixture: PretrainingMixture, random: Random): ChatExample {
  const problems = Array.from({ length: mixture.problemsPerDocument }, () => sampleProblem(random));
  return { messages: problems.flatMap((problem) => problemMessages(problem)), tags: ['arithmetic'] };
}

/** One persona speaks throughout: that is what makes a persona out of eight domains' separate facts. */
function dialogueDocument(world: World, mixture: PretrainingMixture, random: Random): ChatExample {
  const persona = chance(random, mixture.badPersona) ? 'bad' : 'good';
  const messages: ChatMessage[] = [];
  if (chance(random, mixture.systemPrompt)) {
    messages.push({ role: 'system', content: systemPrompt(persona, random) });
  }
  for (let turn = 0; turn < mixture.turnsPerDocument; turn++) {
    const question = sampleQuestion(random, mixture.exploit);
    messages.push(
      { role: 'user', content: questionText(question) },
      { role: 'assistant', content: sampleAnswer(world, question, persona, random) },
    );
  }
  return { messages, tags: ['dialogue', persona] };
}
