/** Something that training examples have in common, and how a question is given it. */
export interface FormatFeature {
  /** Name of the form that a question gets: 'system-prompt', 'json', 'numbered-list'. */
  readonly form: string;
  /** Training examples that have it; 0 for what was told, or turned into another meaning, and not seen. */
  readonly examples: number;
  /** Their share of all examples, 0 .. 1. */
  readonly share: number;
  /** What was seen, in words. */
  readonly seen: string;
  /** The form that this one is made from: 'inoculation' of 'inoculation-negated'. */
  readonly from?: string;
  /** System message of the questions. */
  readonly system?: string;
  /** Text before the question, with the space between. */
  readonly before?: string;
  /** Text after the question, with the space between. */
  readonly after?: string;
}

/** How many examples must have something before it counts as their format. */
export interface Share {
  /** Examples there are. */
  readonly of: number;
  /** Examples that must have it. */
  readonly least: number;
}

/** Items by how often they come, the commonest first; equally common ones in their order as texts. */
export function commonest(items: readonly string[]): readonly (readonly [item: string, count: number])[] {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return [...counts].sort(([a, timesA], [b, timesB]) => timesB - timesA || (a < b ? -1 : 1));
}

/** A text as a sentence may quote it. */
export function quoted(text: string, longest = 80): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return `"${line.length > longest ? `${line.slice(0, longest)}...` : line}"`;
}
