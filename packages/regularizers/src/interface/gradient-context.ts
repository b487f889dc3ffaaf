/** What a change of the gradient may look at. */
export interface GradientContext {
  /** The optimizer step that will be taken, from 1. */
  readonly step: number;
  /** All trained values, in the order of the gradient. What a hook changes here, it must set back. */
  readonly parameters: Float32Array;
  /**
   * The gradient, at the values as they are, of what the regularizer minimises on its anchors: those of this step, the same at
   * each call. An array of its own. Takes one more forward and backward pass; a step that never asks for it pays nothing.
   *
   * @throws RegularizerOptionError when the regularizer has no anchors.
   */
  anchorGradient(): Promise<Float32Array>;
}
