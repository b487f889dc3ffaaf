/** Whether a code point belongs to a class of characters. */
export type CharacterTest = (codePoint: number) => boolean;

/** A class of characters that remembers its answers, a page of 256 code points at a time. */
export class CharacterSet {
  readonly #test: CharacterTest;
  readonly #pages: (Uint8Array | undefined)[] = [];

  constructor(test: CharacterTest) {
    this.#test = test;
  }

  has(codePoint: number): boolean {
    const page = this.#pages[codePoint >> 8] ?? this.#fill(codePoint >> 8);
    return page[codePoint & 255] === 1;
  }

  #fill(index: number): Uint8Array {
    const page = new Uint8Array(256);
    for (let offset = 0; offset < 256; offset++) page[offset] = this.#test(index * 256 + offset) ? 1 : 0;
    this.#pages[index] = page;
    return page;
  }
}

/** The characters that a JavaScript class such as `\p{L}` holds. */
export function charactersOf(characterClass: string): CharacterTest {
  const expression = new RegExp(`^${characterClass}$`, 'u');
  return (codePoint) => expression.test(String.fromCodePoint(codePoint));
}

/** The characters in a list of hexadecimal code points and ranges, such as `61-7a 5f`. */
export function charactersIn(list: string): CharacterTest {
  const ranges = list.split(' ').map((range) => range.split('-').map((end) => Number.parseInt(end, 16)));
  return (codePoint) => ranges.some(([first, last]) => codePoint >= first! && codePoint <= (last ?? first!));
}

/** The code point that begins at a position of a string. */
export function codePointAt(text: string, position: number): number {
  const unit = text.charCodeAt(position);
  return unit < 0xd800 || unit > 0xdbff ? unit : text.codePointAt(position)!;
}

/** How many UTF-16 units a code point takes. */
export function unitsOf(codePoint: number): number {
  return codePoint > 0xffff ? 2 : 1;
}

/** The position of the code point before a position of a string. */
export function previousPosition(text: string, position: number): number {
  const unit = text.charCodeAt(position - 1);
  return unit >= 0xdc00 && unit <= 0xdfff && position > 1 ? position - 2 : position - 1;
}
