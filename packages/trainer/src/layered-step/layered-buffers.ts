import { type HostArray, hostArray } from '@safetune/tensor';

/** Float32 arrays by name whose memory is used again at each step: it grows to the largest batch, and stays. */
export interface HostBuffers {
  /** An array of this shape over the memory of that name; what it held before is undefined. */
  array(name: string, shape: readonly number[]): HostArray;
}

export function createHostBuffers(): HostBuffers {
  const memory = new Map<string, Float32Array>();
  return {
    array(name, shape) {
      const size = shape.reduce((product, extent) => product * extent, 1);
      let values = memory.get(name);
      if (values === undefined || values.length < size) {
        values = new Float32Array(size);
        memory.set(name, values);
      }
      return hostArray(values.subarray(0, size), shape);
    },
  };
}

/** `target += values`, element by element; both row-major and of one size. */
export function addInto(target: HostArray, values: HostArray): void {
  const [sum, added] = [target.data as Float32Array, values.data as Float32Array];
  for (let index = 0; index < sum.length; index++) sum[index]! += added[index]!;
}
