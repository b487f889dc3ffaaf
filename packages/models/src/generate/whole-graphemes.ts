/** A text that grows, in pieces that end where a character as a reader sees it (an extended grapheme cluster) ends. */
export interface WholeGraphemes {
  /** Takes a piece; gives all but the last character: what comes next may belong to it, such as an accent. */
  push(piece: string): string;
  /** The last character. */
  end(): string;
}

export function wholeGraphemes(): WholeGraphemes {
  const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  let held = '';
  return {
    push(piece) {
      if (piece === '') return '';
      const text = held + piece;
      // Nothing joins a line feed: a line is given as soon as it is whole.
      const end = text.endsWith('\n')
        ? text.length
        : segmenter.segment(text).containing(text.length - 1)!.index;
      held = text.slice(end);
      return text.slice(0, end);
    },
    end() {
      const rest = held;
      held = '';
      return rest;
    },
  };
}
