import type * as onnxruntime from 'onnxruntime-node';
import type { DataType } from './dtype.ts';
import { CompileError, ExecutionError } from './errors.ts';
import { contiguousData, type HostArray, hostArray } from './host-array.ts';
import type { LoweredGraph } from './onnx/lower.ts';
import { sessionError } from './session-error.ts';
import { disableTelemetry } from './telemetry.ts';

/** The one door to ONNX Runtime: no other file imports it, and this one only when something is first compiled. */

/** How a compiled function runs. */
export interface RuntimeOptions {
  /**
   * ONNX Runtime execution provider. Default 'cpu', the only one tested; the others where the build has them. One that is
   * not there is a CompileError; single operations that it lacks run on the CPU, which ONNX Runtime does not tell.
   */
  readonly executionProvider?: 'cpu' | 'webgpu' | 'cuda' | 'dml' | 'coreml';
  /** Threads inside one operation. Default: as many as the machine has physical cores. */
  readonly threads?: number;
  /**
   * Keep a second, rearranged copy of each constant weight for faster products. Default false: weights stay mapped
   * from their file, sessions start at once, and products are 10-15 % slower.
   */
  readonly prepackWeights?: boolean;
}

/** A device-side or host-side value that ONNX Runtime holds; what carried state is made of. */
export type RuntimeValue = onnxruntime.Tensor;

export interface Session {
  run(
    feeds: Readonly<Record<string, RuntimeValue>>,
    fetches: Readonly<Record<string, RuntimeValue | null>>,
  ): Promise<Record<string, RuntimeValue>>;
  release(): Promise<void>;
}

const missingLibrary =
  'onnxruntime-node cannot be loaded. Install it again for this platform with npm install; where its download of CUDA ' +
  'libraries fails, set ONNXRUNTIME_NODE_INSTALL=skip (or its older name, ONNXRUNTIME_NODE_INSTALL_CUDA=skip)';

let loaded: Promise<typeof onnxruntime> | undefined;

/** Whether this process has ONNX Runtime's library in memory: it has from when something is first compiled. */
export function runtimeIsLoaded(): boolean {
  return loaded !== undefined;
}

function load(): Promise<typeof onnxruntime> {
  loaded ??= disableTelemetry().then(importLibrary);
  return loaded;
}

function importLibrary(): Promise<typeof onnxruntime> {
  return import('onnxruntime-node').catch((cause: unknown) => {
    throw new CompileError(missingLibrary, { cause });
  });
}

/**
 * Makes a session of lowered model bytes.
 *
 * @throws CompileError with ONNX Runtime's message when the provider is not available, or when it refuses the graph or
 * the weights.
 */
export async function createSession(graph: LoweredGraph, options: RuntimeOptions): Promise<Session> {
  const { InferenceSession, listSupportedBackends } = await load();
  const extra: Record<string, string> = {};
  if (graph.weightsDirectory !== undefined) {
    extra.model_external_initializers_file_folder_path = graph.weightsDirectory;
  }
  if (options.prepackWeights !== true) extra.disable_prepacking = '1';
  const provider = options.executionProvider ?? 'cpu';
  try {
    const session = await InferenceSession.create(graph.model, {
      executionProviders: [provider],
      enableMemPattern: false,
      logSeverityLevel: 4,
      ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
      extra: { session: extra },
    });
    return {
      run: (feeds, fetches) =>
        session.run(feeds, fetches).catch((cause: unknown) => {
          throw new ExecutionError(cause);
        }),
      release: () => session.release(),
    };
  } catch (cause) {
    throw sessionError(
      provider,
      cause,
      listSupportedBackends().map(({ name }) => name),
    );
  }
}

/** A host array as ONNX Runtime's value; row-major arrays are not copied. */
export async function toRuntime(array: HostArray, dtype: DataType): Promise<RuntimeValue> {
  const { Tensor } = await load();
  return new Tensor(dtype as 'float32', contiguousData(array) as Float32Array, array.shape);
}

/** ONNX Runtime's value as a host array over the same memory. */
export function toHost(value: RuntimeValue): HostArray {
  return hostArray(value.data as Float32Array, value.dims);
}
