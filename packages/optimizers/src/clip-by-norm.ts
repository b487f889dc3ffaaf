/** Scales `gradients` in place so that their l2 norm is at most `limit`; returns the norm from before. */
export function clipByNorm(gradients: Float32Array, limit: number): number {
  let total = 0;
  for (let index = 0; index < gradients.length; index++) total += gradients[index]! * gradients[index]!;
  const norm = Math.sqrt(total);
  if (norm > limit) {
    // The small constant is PyTorch's clip_grad_norm_.
    const factor = limit / (norm + 1e-6);
    for (let index = 0; index < gradients.length; index++) gradients[index]! *= factor;
  }
  return norm;
}
