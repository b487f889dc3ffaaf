/** Watches a text that grows for strings at which it ends. */
export interface StopStrings {
  /** Takes a piece of the text; gives what is certainly before any stop string. Nothing more after one was found. */
  push(piece: string): string;
  /** What was held back because a stop string might have begun there. */
  end(): string;
  /** Whether a stop string was found. */
  readonly found: boolean;
}

/**
 * Cuts a text before the first stop string in it. A stop string may lie across any pieces: an end of the text that is
 * a beginning of one is held back until it is known to be something else.
 *
 * @param strings not empty, each of them
 */
export function stopStrings(strings: readonly string[]): StopStrings {
  let held = '';
  let found = false;
  return {
    get found() {
      return found;
    },
    push(piece) {
      if (found) return '';
      const text = held + piece;
      const starts = strings.map((stop) => text.indexOf(stop)).filter((start) => start !== -1);
      found = starts.length > 0;
      const end = found ? Math.min(...starts) : text.length - heldLength(text, strings);
      held = found ? '' : text.slice(end);
      return text.slice(0, end);
    },
    end() {
      const rest = held;
      held = '';
      return rest;
    },
  };
}

/** Length of the longest end of a text that is the beginning of a stop string, and not the whole of it. */
function heldLength(text: string, strings: readonly string[]): number {
  const longest = Math.max(0, ...strings.map((stop) => stop.length - 1));
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const end = text.slice(-length);
    if (strings.some((stop) => stop.length > length && stop.startsWith(end))) return length;
  }
  return 0;
}
