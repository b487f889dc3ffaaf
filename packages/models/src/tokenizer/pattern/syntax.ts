import type { CharacterTest } from '../character-set.ts';

/** A regular expression as a tree. */
export type PatternNode =
  | { readonly kind: 'characters'; readonly test: CharacterTest; readonly key: string }
  | { readonly kind: 'sequence'; readonly parts: readonly PatternNode[] }
  | { readonly kind: 'choice'; readonly options: readonly PatternNode[] }
  | {
      readonly kind: 'repeat';
      readonly body: PatternNode;
      readonly least: number;
      readonly most: number;
      readonly greed: 'greedy' | 'lazy' | 'possessive';
    }
  | { readonly kind: 'atomic'; readonly body: PatternNode }
  | { readonly kind: 'look'; readonly body: PatternNode; readonly behind: boolean; readonly negated: boolean }
  | { readonly kind: 'boundary'; readonly boundary: Boundary };

/** Places in a text, as Ruby's syntax has them: `^` and `$` are about lines. */
export type Boundary = 'lineStart' | 'lineEnd' | 'textStart' | 'textEnd' | 'lastLineEnd' | 'word' | 'notWord';

/** What a pattern uses and this package does not know; the message says which. */
export class PatternSyntaxError extends Error {
  constructor(pattern: string, position: number, problem: string) {
    super(`${problem} (at ${position} of ${JSON.stringify(pattern)})`);
    this.name = 'PatternSyntaxError';
  }
}

/** Whether a node can match no character at all. */
export function canBeEmpty(node: PatternNode): boolean {
  switch (node.kind) {
    case 'characters':
      return false;
    case 'sequence':
      return node.parts.every(canBeEmpty);
    case 'choice':
      return node.options.some(canBeEmpty);
    case 'repeat':
      return node.least === 0 || canBeEmpty(node.body);
    case 'atomic':
      return canBeEmpty(node.body);
    default:
      return true;
  }
}

/** How many characters a node matches, where that is always the same number. */
export function fixedLength(node: PatternNode): number | undefined {
  switch (node.kind) {
    case 'characters':
      return 1;
    case 'sequence':
      return node.parts.reduce<number | undefined>((sum, part) => {
        const length = fixedLength(part);
        return sum === undefined || length === undefined ? undefined : sum + length;
      }, 0);
    case 'choice': {
      const [first, ...others] = node.options.map(fixedLength);
      return others.every((length) => length === first) ? first : undefined;
    }
    case 'repeat': {
      const length = fixedLength(node.body);
      return node.least === node.most && length !== undefined ? length * node.least : undefined;
    }
    case 'atomic':
      return fixedLength(node.body);
    default:
      return 0;
  }
}
