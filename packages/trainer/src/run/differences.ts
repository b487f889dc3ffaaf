/**
 * Everything that decides what a run computes, by the name under which a person knows it: short settings as JSON, and
 * SHA-256 of contents. How steps are run (memory mode, threads) is not among it: it moves last digits only.
 */
export type Fingerprint = Readonly<Record<string, string>>;

/** What differs between two fingerprints, for a message: names, and short values as they were and are. */
export function differences(saved: Fingerprint, present: Fingerprint): string[] {
  const names = [...new Set([...Object.keys(saved), ...Object.keys(present)])];
  return names
    .filter((name) => saved[name] !== present[name])
    .map((name) => {
      const [before, now] = [saved[name] ?? 'none', present[name] ?? 'none'];
      const short = Math.max(before.length, now.length) <= 48;
      return short ? `${name} (${before} then, ${now} now)` : name;
    });
}
