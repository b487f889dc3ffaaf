/** Name of the input that holds a number for each row, int32 [batch, seq]. */
export const rowsInput = 'dropout.rows';
/** Name of the input that holds a number for each feature, int32 [the most inputs that a layer has]. */
export const columnsInput = 'dropout.columns';
/** Name of the input that holds what kept features are multiplied by, float32 []. */
export const scaleInput = 'dropout.scale';
/** Name of the input that holds a layer's own number, int32 [1], or one for each piece of rows of the output layer. */
export function multipliersInput(module: string): string {
  return `${module}.dropout`;
}

/** Products below it, as signed 32-bit numbers, are dropped. */
export function dropoutThreshold(probability: number): number {
  return Math.round(probability * 2 ** 32) - 2 ** 31;
}
