/** Which direction of a measure is better. */
export type Better = 'lower' | 'higher';

/**
 * The places of those points that no other point beats: none is at least as good in every measure and better in one. In the order given;
 * equal points stand or fall together.
 *
 * @param points the measures of each, as many as there are directions.
 */
export function paretoFront(
  points: readonly (readonly number[])[],
  better: readonly Better[],
): readonly number[] {
  // Turned so that more is better in every measure.
  const turned = points.map((point) =>
    better.map((direction, measure) => (direction === 'higher' ? point[measure]! : -point[measure]!)),
  );
  const beats = (one: readonly number[], other: readonly number[]) =>
    one.every((value, measure) => value >= other[measure]!) &&
    one.some((value, measure) => value > other[measure]!);
  return [...points.keys()].filter((place) => !turned.some((other) => beats(other, turned[place]!)));
}
