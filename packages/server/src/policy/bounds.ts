/** A value that must not be greater than the one behind it. */
interface Ordered {
  readonly path: readonly string[];
  readonly bounds: readonly (readonly [name: string, value: number | undefined])[];
}

/** What is wrong with bounds that do not come in their order: one that is reached only behind a harder one says nothing. */
export function boundProblems({ path, bounds }: Ordered): { path: readonly string[]; message: string }[] {
  const given = bounds.flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
  return given.slice(1).flatMap(({ name, value }, index) => {
    const before = given[index]!;
    return before.value < value
      ? []
      : [
          {
            path: [...path, name],
            message: `is ${value}, must be above ${before.name}, which is ${before.value}`,
          },
        ];
  });
}
