import { printable } from './files/printable.ts';

/** No name is longer; what is would only cost time to compare. */
const longestName = 100;

/** The known name that is meant by a misspelt one; undefined when none is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (name.length > longestName) return undefined;
  const wanted = name.toLowerCase();
  const [nearest] = known
    .map((candidate) => ({ candidate, distance: editDistance(wanted, candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .toSorted((a, b) => a.distance - b.distance);
  return nearest?.candidate;
}

/**
 * What to say of the first option that there is not: a misspelt one would be ignored in JavaScript.
 *
 * @returns words such as "there is no option 'x'. Did you mean 'y'?", or undefined when all are known. Options that are
 * undefined count as left out.
 */
export function unknownOption(options: object, known: readonly string[]): string | undefined {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const option = given.map(([name]) => name).find((name) => !known.includes(name));
  if (option === undefined) return undefined;
  const nearest = nearestName(option, known);
  const hint =
    nearest === undefined ? `There is ${known.join(', ') || 'none'}.` : `Did you mean '${nearest}'?`;
  return `there is no option '${printable(option)}'. ${hint}`;
}

/** Letters to insert, take away, replace or exchange with their neighbour. */
function editDistance(from: string, to: string): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let position = 0; position < from.length; position++) {
    const next = [position + 1];
    for (let index = 1; index <= to.length; index++) {
      const isSame = from[position] === to[index - 1];
      const isExchanged = from[position] === to[index - 2] && from[position - 1] === to[index - 1];
      next.push(
        Math.min(
          row[index - 1]! + (isSame ? 0 : 1),
          row[index]! + 1,
          next[index - 1]! + 1,
          isExchanged ? before[index - 2]! + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    before = row;
    row = next;
  }
  return row[to.length]!;
}
