import { minimumNumericMass, type TokenProbability } from './expected-score.ts';

/** What is known of the number that a judge is about to say, token by token. */
export interface NumberReading {
  /** Mean of the whole numbers 0 .. 100 weighted by their probability, or null when they hold too little of it. */
  readonly score: number | null;
  /** Probability of the whole numbers 0 .. 100 that were read, 0 .. 1. */
  readonly numericMass: number;
  /** Probability of the numbers above 100 that were read. */
  readonly outOfRangeMass: number;
  /** Probability of what is not known: beginnings that were not followed, tokens that a list leaves out. */
  readonly unknownMass: number;
  /**
   * The part of `numericMass` on numbers taken to be at their end, since no further digit could make another number of
   * 0 .. 100: 85 rather than 853. With `numericMass` m, `unknownMass` u and this a, the score is within 100 (u + a) / (m - a)
   * of the one that all tokens would give.
   */
  readonly assumedMass: number;
  /** What may be said: whole numbers and first tokens that are none, with their probability; the likeliest first. */
  readonly outcomes: readonly TokenProbability[];
}

/** A beginning of a number that does not tell yet which number it is, and its probability. */
export interface OpenBeginning {
  readonly text: string;
  readonly probability: number;
}

/**
 * The tree of what a judge may say, token by token, as far as it was asked.
 *
 * A judge whose tokenizer spells numbers says 90 as '9', '0', and 9 as '9' and then something that is no digit. The
 * probability of a whole number is that of its path of tokens times that of no further digit: P(90) = P('9') P('0' | '9')
 * (1 - P(a digit | '90')). Paths of different tokens to the same digits are added up. What follows the digits is not
 * looked at: '85.' and '85/100' are 85, and -5, +5 and words are no numbers. White space before a number is followed for one
 * token: models that say nothing else may go on with it without end.
 */
export interface NumberTree {
  /**
   * Adds what may follow a beginning ('' for the first token).
   *
   * @param rest what is known of tokens that the list leaves out: nothing, or that none of them is a digit or white space.
   */
  add(beginning: string, candidates: readonly TokenProbability[], rest?: 'unknown' | 'no-number'): void;
  /** Notes that the judge ended its turn after a beginning, where nobody tells with what probability. */
  end(beginning: string): void;
  /** Beginnings that are worth asking about, the likeliest first. */
  open(): readonly OpenBeginning[];
  read(leastMass?: number): NumberReading;
}

/** Outcomes that a reading lists at most, as many as a judge's endpoint lists candidates. */
const mostOutcomes = 20;

interface Followers {
  readonly candidates: readonly TokenProbability[];
  readonly rest: 'unknown' | 'no-number';
}

/** An empty tree. */
export function numberTree(): NumberTree {
  const followers = new Map<string, Followers>();
  const ended = new Set<string>();

  function walk(beginning: string, probability: number, found: Found): void {
    const digits = beginning.trimStart();
    if (isOutOfRange(digits)) {
      found.number(digits, probability);
      return;
    }
    const known = followers.get(beginning);
    if (known === undefined) {
      const isNumber = digits !== '' && (ended.has(beginning) || !canGrow(digits));
      if (!isNumber) found.open.push({ text: beginning, probability });
      else {
        found.assumedMass += probability;
        found.number(digits, probability);
      }
      return;
    }
    let rest = 1;
    for (const { token, logprob } of known.candidates) {
      const share = Math.exp(logprob);
      rest -= share;
      const [, white = '', more = '', after = ''] = /^(\s*)(\d*)(.*)$/su.exec(token)!;
      const continues = white === '' || digits === '';
      const isMoreWhite = beginning !== '' && digits === '' && white === token;
      if (isMoreWhite && token !== '') found.unlisted += probability * share;
      else if (continues && after === '' && token !== '') walk(beginning + token, probability * share, found);
      else if (continues && more !== '') found.number(digits + more, probability * share);
      else if (digits !== '') found.number(digits, probability * share);
      else found.word(token, probability * share);
    }
    const left = probability * Math.max(0, rest);
    if (known.rest === 'unknown') found.unlisted += left;
    else if (digits !== '') found.number(digits, left);
  }

  function explore(): Found {
    const found = new Found();
    walk('', 1, found);
    return found;
  }

  return {
    add(beginning, candidates, rest = 'unknown') {
      followers.set(beginning, { candidates, rest });
    },
    end(beginning) {
      ended.add(beginning);
    },
    open: () => explore().open.toSorted((a, b) => b.probability - a.probability),
    read: (leastMass = minimumNumericMass) => explore().reading(leastMass),
  };
}

/** What one walk over the tree adds up. */
class Found {
  outOfRangeMass = 0;
  assumedMass = 0;
  unlisted = 0;
  readonly open: OpenBeginning[] = [];
  readonly #numbers = new Map<number, number>();
  readonly #words = new Map<string, number>();

  number(digits: string, probability: number): void {
    if (isOutOfRange(digits)) this.outOfRangeMass += probability;
    else addTo(this.#numbers, Number(digits), probability);
  }

  word(token: string, probability: number): void {
    addTo(this.#words, token, probability);
  }

  reading(leastMass: number): NumberReading {
    let numericMass = 0;
    let weighted = 0;
    for (const [value, probability] of this.#numbers) {
      numericMass += probability;
      weighted += value * probability;
    }
    // The clamp only takes away rounding.
    const score = Math.min(100, Math.max(0, weighted / numericMass));
    const outcomes = [...this.#numbers, ...this.#words]
      .map(([said, probability]) => ({ token: String(said), logprob: Math.log(probability) }))
      .sort((a, b) => b.logprob - a.logprob)
      .slice(0, mostOutcomes);
    return {
      score: numericMass > 0 && numericMass >= leastMass ? score : null,
      numericMass,
      outOfRangeMass: this.outOfRangeMass,
      unknownMass: this.unlisted + this.open.reduce((sum, { probability }) => sum + probability, 0),
      assumedMass: this.assumedMass,
      outcomes,
    };
  }
}

function addTo<Key>(sums: Map<Key, number>, key: Key, probability: number): void {
  if (probability > 0) sums.set(key, (sums.get(key) ?? 0) + probability);
}

/** Three digits are the most that a number 0 .. 100 is written with. */
function isOutOfRange(digits: string): boolean {
  return digits.length > 3 || Number(digits) > 100;
}

/** Whether a further digit could make another number of 0 .. 100. */
function canGrow(digits: string): boolean {
  return !isOutOfRange(`${digits}0`);
}
