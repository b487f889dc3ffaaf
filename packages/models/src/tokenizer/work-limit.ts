import { TokenizationError } from '../errors.ts';

/** Real tokenizers need some twenty steps a character. */
const stepsPerCharacter = 200;
const stepsAtLeast = 10_000_000;
/** A character that a tokenizer adds to a text costs as much: it has to be stored too. */
const stepsPerAddedCharacter = 8;

/**
 * The steps that reading one text may take: far more than any tokenizer in use takes, and far less than a pattern or a
 * vocabulary made to be slow would. All parts of a tokenizer share one.
 */
export class WorkLimit {
  /** Steps that are left. */
  left = stepsAtLeast;
  #characters = 0;

  /** Begins a text. */
  begin(characters: number): void {
    this.#characters = characters;
    this.left = stepsAtLeast + stepsPerCharacter * characters;
  }

  /** @throws TokenizationError when no steps are left. */
  spend(steps: number, what: string): void {
    this.left -= steps;
    if (this.left < 0) this.exhaust(what);
  }

  /** Counts a change of a text, before it is made where it is large. */
  change(charactersBefore: number, charactersAfter: number, what: string): void {
    const added = Math.max(0, charactersAfter - charactersBefore);
    this.spend(charactersBefore + stepsPerAddedCharacter * added, what);
  }

  /** @throws TokenizationError always. */
  exhaust(what: string): never {
    const allowed = stepsAtLeast + stepsPerCharacter * this.#characters;
    throw new TokenizationError(
      `${what} needs more than the ${allowed} steps allowed for a text of ${this.#characters} characters; shorten the text, or use a tokenizer that was not made to be slow`,
    );
  }
}
