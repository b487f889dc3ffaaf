/** For each value the number of smaller ones plus half of the equal ones, itself among them. */
export function midRanks(values: readonly number[]): readonly number[] {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const ranks = new Map<number, number>();
  let smaller = 0;
  for (const [value, count] of [...counts].sort(([a], [b]) => a - b)) {
    ranks.set(value, smaller + count / 2);
    smaller += count;
  }
  return values.map((value) => ranks.get(value)!);
}
