import type { Place } from './place.ts';

/** Ids of 2^31 and more do not fit the integers that models take. */
const idLimit = 2 ** 31;
/** Real vocabularies have up to 300,000 tokens. */
const mostTokens = 2 ** 22;
/** Real tokens have up to 300 characters. */
const longestToken = 8192;

/** The tokens of a model: which id each has. */
export interface Vocabulary {
  readonly ids: ReadonlyMap<string, number>;
  readonly tokens: ReadonlyMap<number, string>;
}

/**
 * Reads a vocabulary that is a map from tokens to ids.
 *
 * @throws UnsupportedTokenizerError for an id that is not an integer from 0 to 2^31 - 1 or that two tokens have.
 */
export function readVocabulary(content: unknown, place: Place): Vocabulary {
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    place.refuse('must be a map from tokens to ids');
  const entries = Object.entries(content as Record<string, unknown>);
  checkSize(entries.length, place);
  const ids = new Map<string, number>();
  const tokens = new Map<number, string>();
  for (const [token, id] of entries) {
    checkToken(token, place);
    checkId(token, id, place);
    const other = tokens.get(id);
    if (other !== undefined) place.refuse(`${shown(token)} and ${shown(other)} have the same id ${id}`);
    ids.set(token, id);
    tokens.set(id, token);
  }
  return { ids, tokens };
}

export function checkSize(count: number, place: Place): void {
  if (count > mostTokens) place.refuse(`has ${count} entries; at most ${mostTokens} are supported`);
}

/** A token must be text, and not endless. */
export function checkToken(token: string, place: Place): void {
  if (token.length > longestToken)
    place.refuse(`${shown(token)} has ${token.length} characters; at most ${longestToken} are supported`);
  if (!token.isWellFormed()) place.refuse(`${shown(token)} is not valid Unicode`);
}

export function checkId(token: string, id: unknown, place: Place): asserts id is number {
  if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= idLimit)
    place.refuse(
      `${shown(token)} has the id ${JSON.stringify(id)}; ids are integers from 0 to ${idLimit - 1}`,
    );
}

/** A token as messages show it. */
export function shown(token: string): string {
  return JSON.stringify(token.length > 60 ? `${token.slice(0, 60)}...` : token);
}
