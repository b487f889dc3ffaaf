import { add, customGradient, flattenLeading, keep, matmul, type Tensor } from '@safetune/tensor';

/** The traced factors of one module. */
export interface LowRankFactors {
  /** [rank, in] */
  readonly a: Tensor;
  /** [out, rank] */
  readonly b: Tensor;
  /** Factor on the product of the two. */
  readonly scale: number;
}

/**
 * `output + scale (x A^T) B^T`, through the narrow rank: B A is never formed (Hu et al. 2021, arXiv 2106.09685, equation 3).
 * With H = x A^T and G = scale g B, both as narrow as the rank, the gradients are G A for x, G^T x for A and
 * scale g^T H for B.
 *
 * @param output - what is added to, such as the base layer's x W^T + b: [..., out]
 * @param x - [..., in]
 */
export function addLowRankUpdate(output: Tensor, x: Tensor, { a, b, scale }: LowRankFactors): Tensor {
  return customGradient('addLowRankUpdate', [output, x, a, b], () => {
    const inner = keep(matmul(x, a, { transposeB: true }));
    return {
      value: add(output, matmul(inner, b, { transposeB: true, alpha: scale })),
      gradient: (g) => {
        const ofInner = matmul(g, b, { alpha: scale });
        // All rows of all examples in one product: leading axes are summed over.
        const [rows, ofRows] = [flattenLeading(x), flattenLeading(ofInner)];
        return [
          g,
          matmul(ofInner, a),
          matmul(ofRows, rows, { transposeA: true }),
          matmul(flattenLeading(g), flattenLeading(inner), { transposeA: true, alpha: scale }),
        ];
      },
    };
  });
}
