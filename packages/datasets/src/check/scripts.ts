import type { CheckedExample } from './data-check.ts';
import type { CheckReport, PlacedFinding } from './data-report.ts';
import { writingSystem } from './writing-system.ts';

/** Largest share of the examples that is a minority. */
const mostOfMinority = 0.05;

/** What an example without a letter, or with scripts that have no name here, counts as. */
const unnamed = 'other';

/** Counts the scripts of answers, and remembers where the first ones of each are. */
export class AnswerScripts {
  readonly #listed: number;
  readonly #counts = new Map<string, number>();
  readonly #places = new Map<string, PlacedFinding[]>();

  /** @param listed places that are remembered of each script */
  constructor(listed: number) {
    this.#listed = listed;
  }

  add({ example: { origin }, index, texts }: CheckedExample): void {
    const said = texts.filter(({ role }) => role === 'assistant' || role === 'text');
    const script = writingSystem(said.map(({ text }) => text.slice(0, 1000)).join('\n'));
    this.#counts.set(script, (this.#counts.get(script) ?? 0) + 1);
    const places = this.#places.get(script) ?? [];
    if (places.length === 0) this.#places.set(script, places);
    if (places.length < this.#listed)
      places.push({
        kind: script,
        example: index + 1,
        ...(origin && { file: origin.file, line: origin.line }),
      });
  }

  /** Examples by script, the most frequent first. */
  counts(): Record<string, number> {
    return Object.fromEntries([...this.#counts].toSorted(([, a], [, b]) => b - a));
  }

  /** The examples whose answers are in a script that few are in. */
  report(rows: number): CheckReport {
    const counts = Object.entries(this.counts());
    const all = counts.reduce((sum, [, count]) => sum + count, 0);
    const minorities = counts.filter(
      ([script, count]) => script !== unnamed && count <= mostOfMinority * all,
    );
    const examples = minorities.reduce((sum, [, count]) => sum + count, 0);
    return {
      name: 'scripts',
      about: `an answer in a script that at most ${100 * mostOfMinority} % of the examples are answered in; a script is no language`,
      examples,
      share: rows === 0 ? 0 : examples / rows,
      kinds: Object.fromEntries(minorities),
      findings: minorities
        .flatMap(([script]) => this.#places.get(script) ?? [])
        .toSorted((a, b) => (a.example ?? 0) - (b.example ?? 0))
        .slice(0, this.#listed),
    };
  }
}
