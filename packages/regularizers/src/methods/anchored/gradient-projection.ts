/**
 * Takes out of a gradient what goes against another: where g . a < 0, g becomes g - (g . a / |a|^2) a. In place.
 *
 * @param gradient - g, flat
 * @param other - a, of the same length
 * @returns whether it was against it
 */
export function projectOutConflict(gradient: Float32Array, other: Float32Array): boolean {
  let product = 0;
  let square = 0;
  for (let index = 0; index < gradient.length; index++) {
    product += gradient[index]! * other[index]!;
    square += other[index]! * other[index]!;
  }
  if (!(product < 0)) return false;
  const share = product / square;
  for (let index = 0; index < gradient.length; index++) gradient[index]! -= share * other[index]!;
  return true;
}
