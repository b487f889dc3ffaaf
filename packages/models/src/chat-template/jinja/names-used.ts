/** Which of `names` stand as variables anywhere in a part of the syntax tree, blocks inside it among them. */
export function namesUsed(tree: unknown, names: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>();
  visitNames(tree, (name) => {
    if (names.includes(name)) found.add(name);
  });
  return found;
}

/** All variables that stand anywhere in a part of the syntax tree. */
export function namesRead(tree: unknown): ReadonlySet<string> {
  const found = new Set<string>();
  visitNames(tree, (name) => found.add(name));
  return found;
}

/** Visits the variables of a part of the syntax tree: its nodes are plain objects and lists, so that no list of kinds is needed. */
export function visitNames(tree: unknown, visit: (name: string) => void): void {
  if (Array.isArray(tree)) for (const part of tree) visitNames(part, visit);
  else if (typeof tree === 'object' && tree !== null) {
    const { kind, name } = tree as { kind?: unknown; name?: unknown };
    if (kind === 'name' && typeof name === 'string') visit(name);
    for (const part of Object.values(tree)) visitNames(part, visit);
  }
}
