/** A piece of a text: what is read as it is, or the name of a character that would not be seen. */
export interface VisiblePiece {
  readonly text: string;
  /** Whether the text is a name that stands for an invisible character, such as `U+200B`. */
  readonly isName: boolean;
}

// Controls, formats, halves of pairs, private ones; separators but the space; what draws nothing, and the empty Braille cell.
const unseen =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u{2800}]|[\p{Zs}--\x20]/gv;

/** A line feed is shown by this mark, and still ends the line. */
const lineFeedMark = '\u21b5';
const tabMark = '\u21e5';

/**
 * A text in pieces in which nothing is hidden: invisible characters by their code points, a line feed as a mark before it, a tab as
 * a mark. Nothing in the pieces commands a terminal.
 */
export function visiblePieces(text: string): VisiblePiece[] {
  const pieces: VisiblePiece[] = [];
  let from = 0;
  for (const match of text.matchAll(unseen)) {
    if (match.index > from) pieces.push({ text: text.slice(from, match.index), isName: false });
    pieces.push(...shown(match[0]));
    from = match.index + match[0].length;
  }
  if (from < text.length) pieces.push({ text: text.slice(from), isName: false });
  return pieces;
}

function shown(character: string): VisiblePiece[] {
  if (character === '\n') {
    return [
      { text: lineFeedMark, isName: true },
      { text: '\n', isName: false },
    ];
  }
  if (character === '\t') return [{ text: tabMark, isName: true }];
  const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
  return [{ text: `U+${code}`, isName: true }];
}
