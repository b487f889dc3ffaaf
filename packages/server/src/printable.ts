import { visiblePieces } from '@safetune/datasets';

/** A stranger's text as messages and reports show it: in one line, nothing in it hidden or commanding, and cut where it is long. */
export function printable(text: string, longest = 300): string {
  const shown = visiblePieces(text.slice(0, longest))
    .map((piece) => (piece.text === '\n' ? ' ' : piece.text))
    .join('');
  return text.length > longest ? `${shown}...` : shown;
}
