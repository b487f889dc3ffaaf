/** Types that the weights of a new model can be stored in. */
export const storedTypes = ['stored', 'float32', 'bfloat16', 'float16'] as const;

/** `--dtype` of the commands that write a model. */
export const storedTypeOption = {
  type: 'string',
  valueHint: 'NAME',
  description:
    'how weights are stored: stored (default; as they are in the model, the changed ones rounded to that), float32 (the ' +
    'changed ones unrounded), bfloat16 or float16 (all of them)',
} as const;
