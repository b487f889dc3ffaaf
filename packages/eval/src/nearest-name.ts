/** No name is longer; what is would only cost time to compare. */
const longestName = 60;

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

/** Letters to insert, take away, replace or exchange with their neighbour. */
function editDistance(from: string, to: string): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let position = 0; position < from.length; position += 1) {
    const next = [position + 1];
    for (let index = 1; index <= to.length; index += 1) {
      const isSame = from[position] === to[index - 1];
      const isExchanged = from[position] === to[index - 2] && from[position - 1] === to[index - 1];
      next.push(
        Math.min(
          (row[index - 1] as number) + (isSame ? 0 : 1),
          (row[index] as number) + 1,
          (next[index - 1] as number) + 1,
          isExchanged ? (before[index - 2] as number) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    before = row;
    row = next;
  }
  return row[to.length] as number;
}
