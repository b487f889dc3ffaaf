/** What a JSON text may hold at most. */
export interface JsonLimits {
  /** Levels of arrays and objects within each other. */
  readonly depth: number;
  /** Brackets, commas and colons outside of texts: about as many as there are values and keys. */
  readonly marks: number;
}

/**
 * Counts what a JSON text would become, before it is parsed: a parser takes fifty times a hostile file's size, and
 * whatever walks over deeply nested values runs out of stack. Says in words which limit is passed, if one is; whether
 * the text is JSON at all is left to the parser.
 */
export function beyondLimits(json: Uint8Array, { depth, marks }: JsonLimits): string | undefined {
  let level = 0;
  let count = 0;
  for (let position = 0; position < json.length; position++) {
    switch (json[position]) {
      case quote:
        position = endOfText(json, position);
        break;
      case openBracket:
      case openBrace:
        count++;
        level++;
        if (level > depth) return `it is nested more than ${depth} levels deep`;
        break;
      case closeBracket:
      case closeBrace:
        level--;
        break;
      case comma:
      case colon:
        count++;
        break;
    }
    if (count > marks) return `it holds more than about ${marks} values`;
  }
  return undefined;
}

/** Position of the quotation mark that ends the text beginning at `start`, or the end of the file. */
function endOfText(json: Uint8Array, start: number): number {
  for (let position = start + 1; position < json.length; position++) {
    if (json[position] === backslash) position++;
    else if (json[position] === quote) return position;
  }
  return json.length;
}

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];
