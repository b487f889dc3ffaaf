/** What a regularizer keeps between steps, for a checkpoint. */
export interface RegularizerState {
  /** Plain values, as JSON keeps them. */
  readonly facts?: unknown;
  /** Values too many for text, by name. They are saved before the next step: views of what is in use will do. */
  readonly tensors?: Readonly<Record<string, Float32Array>>;
}
