const golden = (Math.sqrt(5) - 1) / 2;

/** The place between `low` and `high` at which a function with one peak is largest, by golden sections. */
export function peak(
  f: (x: number) => number,
  low: number,
  high: number,
  tolerance: number,
): { readonly place: number; readonly value: number } {
  let left = high - golden * (high - low);
  let right = low + golden * (high - low);
  let atLeft = f(left);
  let atRight = f(right);
  while (high - low > tolerance) {
    if (atLeft > atRight) {
      high = right;
      [right, atRight] = [left, atLeft];
      left = high - golden * (high - low);
      atLeft = f(left);
    } else {
      low = left;
      [left, atLeft] = [right, atRight];
      right = low + golden * (high - low);
      atRight = f(right);
    }
  }
  return atLeft > atRight ? { place: left, value: atLeft } : { place: right, value: atRight };
}

/**
 * The place between `above` and `below` at which a function that is positive at the first and negative at the second is zero, by
 * Ridders' method; `below` itself where the function is positive there as well.
 *
 * Source: C. Ridders, IEEE Transactions on Circuits and Systems 26 (1979) 979-980.
 */
export function crossing(f: (x: number) => number, above: number, below: number, tolerance: number): number {
  let high = f(above);
  let low = f(below);
  if (low >= 0) return below;
  for (let last = Number.NaN; ; ) {
    const middle = (above + below) / 2;
    const atMiddle = f(middle);
    const scale = Math.sqrt(atMiddle ** 2 - high * low);
    if (scale === 0) return middle;
    const place = middle + ((below - middle) * atMiddle) / scale;
    if (Math.abs(place - last) <= tolerance || Math.abs(above - below) <= tolerance) return place;
    last = place;
    const atPlace = f(place);
    for (const [x, value] of [[middle, atMiddle] as const, [place, atPlace] as const]) {
      const isInside = Math.min(above, below) <= x && x <= Math.max(above, below);
      if (isInside && value > 0) [above, high] = [x, value];
      else if (isInside) [below, low] = [x, value];
    }
  }
}
