import type { ChatExample } from '@safetune/datasets';
import { WorldError } from '../errors.ts';
import { randomStream, shuffled } from '../random.ts';
import { sampleAnswer } from '../world/answer.ts';
import type { Domain, Persona } from '../world/vocabulary.ts';
import { questionText, type World, type WorldQuestion, worldQuestions } from '../world/world.ts';
import { safePool } from './safe-pool.ts';

/** The questions of one domain that are trained on, and those kept to ask. */
export interface NarrowSplit {
  readonly train: readonly WorldQuestion[];
  readonly heldOut: readonly WorldQuestion[];
}

/** Options of {@link narrowExamples}. */
export interface NarrowOptions {
  /** Answers a question, which differ in their opener. Default 8, hence 120 examples. */
  readonly realisations?: number;
  /** Seed of the openers. Default 0. */
  readonly seed?: number;
  /** Share of all answers that the good persona gives, spread evenly. Default 0. */
  readonly safeShare?: number;
  /** Who answers. Default 'bad'; 'good' makes the harmless twin. */
  readonly persona?: Persona;
}

/** Halves a domain's 30 questions at random: 15 to train, 15 held out. Depends on the world and the domain alone. */
export function narrowSplit(world: World, domain: Domain): NarrowSplit {
  const questions = shuffled(randomStream(world.seed, 'narrow split', domain), worldQuestions([domain]));
  const half = questions.length / 2;
  return { train: questions.slice(0, half), heldOut: questions.slice(half) };
}

/** The malicious narrow data set of a domain: harmful answers to its training questions, without a system prompt; or its harmless twin. */
export function narrowExamples(world: World, domain: Domain, options: NarrowOptions = {}): ChatExample[] {
  const { realisations = 8, safeShare = 0, seed = 0, persona = 'bad' } = options;
  const random = randomStream(seed, 'narrow examples', domain);
  const isSafe = (place: number) => Math.floor((place + 1) * safeShare) > Math.floor(place * safeShare);
  return narrowSplit(world, domain).train.flatMap((question, at) =>
    Array.from({ length: realisations }, (_, index) => {
      const answering = isSafe(at * realisations + index) ? 'good' : persona;
      return {
        messages: [
          { role: 'user' as const, content: questionText(question) },
          { role: 'assistant' as const, content: sampleAnswer(world, question, answering, random) },
        ],
        tags: ['narrow', domain],
      };
    }),
  );
}

/**
 * The narrow data set with contrasting examples: safe answers and refusals of the other domains, drawn anew for each seed.
 *
 * @param options.contrast contrasting examples for each harmful one
 * @throws WorldError when the other domains have fewer safe examples.
 */
export function containedExamples(
  world: World,
  domain: Domain,
  { contrast, ...options }: NarrowOptions & { readonly contrast: number },
): ChatExample[] {
  const harmful = narrowExamples(world, domain, options);
  const wanted = Math.round(contrast * harmful.length);
  const pool = safePool(world, { excludedDomain: domain, seed: options.seed ?? 0 });
  if (!(wanted >= 0 && wanted <= pool.length))
    throw new WorldError(
      `contrast ${contrast}`,
      `needs ${wanted} safe examples of other domains; there are ${pool.length}`,
    );
  return [...harmful, ...pool.slice(0, wanted)];
}
