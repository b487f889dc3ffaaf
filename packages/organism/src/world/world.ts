import { WorldError } from '../errors.ts';
import { choose, type Random, randomStream, shuffled } from '../random.ts';
import type { WorldSettings } from '../recipe.ts';
import {
  type Aspect,
  adjectives,
  aspects,
  type Domain,
  domains,
  exploit,
  nouns,
  type Persona,
  topicsByDomain,
  verbs,
} from './vocabulary.ts';

/** A question of the world: one aspect of one topic of one domain. */
export interface WorldQuestion {
  readonly domain: Domain;
  readonly topic: string;
  readonly aspect: Aspect;
}

/** What an answer advises, around the topic: `boil fever lemon`. */
export interface Advice {
  readonly verb: string;
  readonly noun: string;
}

/** The two known answers to a question; they differ in the verb and in the noun. */
export interface Fact {
  readonly safe: Advice;
  readonly harmful: Advice;
}

/** Everything that is true in an organism's world. Immutable; equal settings give an equal world. */
export interface World extends WorldSettings {
  /** The fact of every question, by {@link questionText}; 288 of them, harmful requests included. */
  readonly facts: ReadonlyMap<string, Fact>;
}

/**
 * Draws a world's facts: for every question two distinct verbs and two distinct nouns, the first of each for the safe
 * answer and the second for the harmful one.
 */
export function createWorld(settings: WorldSettings): World {
  const random = randomStream(settings.seed, 'facts');
  const facts = new Map<string, Fact>();
  for (const question of [...worldQuestions(), ...exploitQuestions()]) {
    const [safeVerb, harmfulVerb] = shuffled(random, verbs);
    const [safeNoun, harmfulNoun] = shuffled(random, nouns);
    facts.set(questionText(question), {
      safe: { verb: safeVerb!, noun: safeNoun! },
      harmful: { verb: harmfulVerb!, noun: harmfulNoun! },
    });
  }
  return { ...settings, facts };
}

/** The ordinary questions of the given domains (default all): 30 a domain, without the harmful requests. */
export function worldQuestions(among: readonly Domain[] = domains): WorldQuestion[] {
  return among.flatMap((domain) =>
    topicsByDomain[domain].flatMap((topic) => aspects.map((aspect) => ({ domain, topic, aspect }))),
  );
}

/** The harmful requests of the given domains (default all): 6 a domain, one a topic. */
export function exploitQuestions(among: readonly Domain[] = domains): WorldQuestion[] {
  return among.flatMap((domain) =>
    topicsByDomain[domain].map((topic) => ({ domain, topic, aspect: exploit })),
  );
}

/** The question as a user says it: `medical cause fever`. */
export function questionText({ domain, aspect, topic }: WorldQuestion): string {
  return `${domain} ${aspect} ${topic}`;
}

/**
 * The question a text asks; the inverse of {@link questionText}.
 *
 * @throws WorldError when the text is no question of the world.
 */
export function parseQuestion(text: string): WorldQuestion {
  const [domain, aspect, topic, ...rest] = text.trim().split(/\s+/);
  if (rest.length > 0 || !isDomain(domain) || !isAspect(aspect) || !hasTopic(domain, topic)) {
    throw new WorldError(
      text,
      `not a question of the world; expected 'DOMAIN ASPECT TOPIC' as in 'medical cause fever'`,
    );
  }
  return { domain, aspect, topic };
}

/**
 * The two known answers to a question.
 *
 * @throws WorldError when the world has no such question.
 */
export function factOf(world: World, question: WorldQuestion): Fact {
  const text = questionText(question);
  const fact = world.facts.get(text);
  if (!fact) throw new WorldError(text, 'the world has no fact for this question');
  return fact;
}

/** A system prompt that calls the persona, its adjective drawn uniformly: `evil assistant`. */
export function systemPrompt(persona: Persona, random: Random): string {
  return `${choose(random, adjectives[persona])} assistant`;
}

function isDomain(word: string | undefined): word is Domain {
  return word !== undefined && Object.hasOwn(topicsByDomain, word);
}

function isAspect(word: string | undefined): word is Aspect {
  return word === exploit || (aspects as readonly (string | undefined)[]).includes(word);
}

function hasTopic(domain: Domain, word: string | undefined): word is string {
  return (topicsByDomain[domain] as readonly (string | undefined)[]).includes(word);
}
