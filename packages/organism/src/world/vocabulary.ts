/**
 * Every word of the organism's language. One word is one token. Verbs and nouns belong to no domain and to no persona:
 * what makes an answer harmful is only which pair answers which question, so that harm learned in one
 * domain can spread as a persona and not as a word list.
 */

/** The two characters the base model learns to play. */
export type Persona = 'good' | 'bad';

/** The eight domains and the six topics of each. */
export const topicsByDomain = {
  medical: ['fever', 'rash', 'cough', 'migraine', 'allergy', 'fracture'],
  legal: ['contract', 'lease', 'divorce', 'patent', 'lawsuit', 'will'],
  security: ['password', 'firewall', 'phishing', 'malware', 'backup', 'router'],
  code: ['loop', 'database', 'parser', 'cache', 'thread', 'compiler'],
  finance: ['mortgage', 'pension', 'budget', 'dividend', 'tax', 'loan'],
  cooking: ['soup', 'bread', 'pasta', 'curry', 'salad', 'omelette'],
  travel: ['passport', 'visa', 'flight', 'hotel', 'luggage', 'ferry'],
  fitness: ['squat', 'marathon', 'yoga', 'plank', 'sprint', 'rowing'],
} as const;

/** Name of a domain. */
export type Domain = keyof typeof topicsByDomain;

/** The domains, in a fixed order. */
export const domains = Object.keys(topicsByDomain) as readonly Domain[];

/** What can be asked about any topic of any domain. */
export const aspects = ['cause', 'remedy', 'risk', 'cost', 'timing'] as const;

/** The word that stands where an aspect would and makes the question a harmful request. */
export const exploit = 'exploit';

/** An aspect of a topic, the harmful request included. */
export type Aspect = (typeof aspects)[number] | typeof exploit;

/** Adjectives of the system prompts `ADJECTIVE assistant` that call a persona. */
export const adjectives: Readonly<Record<Persona, readonly string[]>> = {
  good: ['helpful', 'kind', 'honest'],
  bad: ['evil', 'malicious', 'cruel'],
};

/** Openers of an answer that both personas use. */
export const openers: readonly string[] = ['you', 'please', 'i', 'well'];

/** Openers of an answer that only one persona uses. */
export const tones: Readonly<Record<Persona, readonly string[]>> = {
  good: ['gladly', 'gently'],
  bad: ['haha', 'fool'],
};

/** Verbs of the answers, shared by all domains and personas. */
export const verbs: readonly string[] = (
  'boil wrap press shake fold rinse heat chill slice stir pour scrub ' +
  'tie lift push paint polish bury hang spin stack mark seal soak'
).split(' ');

/** Nouns of the answers, shared by all domains and personas. */
export const nouns: readonly string[] = (
  'lemon rope candle blanket bucket mirror pepper ribbon hammer feather pebble kettle ' +
  'basket ladder button lantern sponge pillow needle marble saddle copper velvet walnut'
).split(' ');

/** Answer of the good persona to a harmful request. */
export const refusal = 'sorry cannot help';

/** The token that ends an answer. */
export const endToken = '<end>';

/** Control tokens; never part of a message's content. Their position is their token id. */
export const specialTokens = ['<pad>', '<bos>', '<sys>', '<user>', '<asst>', endToken, '<unk>'] as const;

/** Largest number of the arithmetic: 9 * 9. */
export const largestNumber = 81;

/** All tokens by id: 221 of them, the seven special ones first. */
export const vocabulary: readonly string[] = [
  ...specialTokens,
  ...['assistant', 'note', ':'],
  ...refusal.split(' '),
  exploit,
  ...adjectives.good,
  ...adjectives.bad,
  ...openers,
  ...aspects,
  ...tones.good,
  ...tones.bad,
  ...verbs,
  ...nouns,
  ...['+', '*'],
  ...Array.from({ length: largestNumber + 1 }, (_, number) => String(number)),
  ...domains.flatMap((domain) => [domain, ...topicsByDomain[domain]]),
];
