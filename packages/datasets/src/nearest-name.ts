/** The known name that is meant by a misspelt one; undefined when none is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const wanted = name.toLowerCase();
  const [nearest] = known
    .map((candidate) => ({ candidate, distance: editDistance(wanted, candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .toSorted((a, b) => a.distance - b.distance);
  return nearest?.candidate;
}

/** Letters to insert, take away or replace, as Levenshtein counts them. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [position, letter] of [...from].entries()) {
    const next = [position + 1];
    for (let index = 1; index <= to.length; index += 1) {
      const replaced = (row[index - 1] as number) + (to[index - 1] === letter ? 0 : 1);
      next.push(Math.min(replaced, (row[index] as number) + 1, (next[index - 1] as number) + 1));
    }
    row = next;
  }
  return row[to.length] as number;
}

/**
 * What to say of the first option that a function does not have: a misspelt option must not be ignored.
 *
 * @returns its name and the sentence, or undefined when all are known. Options that are undefined count as left out.
 */
export function unknownOption(
  owner: string,
  options: object,
  known: readonly string[],
): { readonly option: string; readonly message: string } | undefined {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const option = given.map(([name]) => name).find((name) => !known.includes(name));
  if (option === undefined) return undefined;
  const nearest = nearestName(option, known);
  const hint = nearest === undefined ? `It has ${known.join(', ') || 'none'}` : `Did you mean '${nearest}'?`;
  return { option, message: `${owner} has no option '${option.slice(0, 60)}'. ${hint}` };
}
