import type { Shape } from './dimension.ts';
import type { DataType } from './dtype.ts';

/** Element type and extents: all that is known of a tensor before the graph runs. */
export interface TensorType {
  readonly dtype: DataType;
  readonly shape: Shape;
}
