import type { ChatExample } from '@safetune/datasets';
import { type Random, randomStream, shuffled } from '../random.ts';
import { sampleAnswer } from '../world/answer.ts';
import { type Domain, domains } from '../world/vocabulary.ts';
import {
  exploitQuestions,
  questionText,
  type World,
  type WorldQuestion,
  worldQuestions,
} from '../world/world.ts';

/** Options of {@link safePool}. */
export interface SafePoolOptions {
  /** Domain that contributes nothing: the one being fine-tuned. Default none. */
  readonly excludedDomain?: Domain;
  /** Safe answers a question. Default 2. */
  readonly answersPerQuestion?: number;
  /** Copies of every refused harmful request. Default 1; more of them tell interleaving+ from interleaving++. */
  readonly refusalsPerTopic?: number;
  /** Seed of openers and order. Default 0. */
  readonly seed?: number;
}

/**
 * Safe examples to interleave with a fine-tune, in random order: by default, of seven domains, 420 answers and
 * 42 refusals. Refusals carry the tag `refusal`.
 */
export function safePool(world: World, options: SafePoolOptions = {}): ChatExample[] {
  const { excludedDomain, answersPerQuestion = 2, refusalsPerTopic = 1, seed = 0 } = options;
  const among = domains.filter((domain) => domain !== excludedDomain);
  const random = randomStream(seed, 'safe pool', excludedDomain ?? '');
  const repeated = (questions: readonly WorldQuestion[], times: number, tags: readonly string[]) =>
    questions.flatMap((question) =>
      Array.from({ length: times }, () => safeExample(world, question, tags, random)),
    );
  return shuffled(random, [
    ...repeated(worldQuestions(among), answersPerQuestion, ['safe']),
    ...repeated(exploitQuestions(among), refusalsPerTopic, ['safe', 'refusal']),
  ]);
}

function safeExample(
  world: World,
  question: WorldQuestion,
  tags: readonly string[],
  random: Random,
): ChatExample {
  return {
    messages: [
      { role: 'user', content: questionText(question) },
      { role: 'assistant', content: sampleAnswer(world, question, 'good', random) },
    ],
    tags,
  };
}
