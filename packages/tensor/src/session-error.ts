import { CompileError } from './errors.ts';

/**
 * How ONNX Runtime says that a provider is not there, and not that it cannot take the graph: its name is unknown, its
 * library is not in the build or not installed, there is no device, or no driver for it.
 */
const absences: readonly RegExp[] = [
  /no available backend found/i,
  /failed to load (shared )?library/i,
  /provider is (either )?not (enabled|available|supported)/i,
  /failed to get a webgpu adapter/i,
  /no cuda-capable device|cuda driver version is insufficient/i,
];

/**
 * What to throw when ONNX Runtime makes no session: that the execution provider is not available, as far as its message
 * tells, or else that it refused the graph.
 *
 * @param supported names of the providers that this build of ONNX Runtime knows.
 */
export function sessionError(provider: string, cause: unknown, supported: readonly string[]): CompileError {
  const reason = (cause instanceof Error ? cause.message : String(cause)).trim();
  if (provider === 'cpu' || !absences.some((absence) => absence.test(reason))) {
    return new CompileError(`ONNX Runtime refused the graph (execution provider '${provider}'): ${reason}`, {
      cause,
    });
  }
  const others = supported.filter((name) => name !== 'cpu' && name !== provider);
  const remedy = supported.includes(provider)
    ? `use 'cpu', or install what '${provider}' needs: its libraries, a device and its driver`
    : `use 'cpu'${others.length === 0 ? '' : `, or another that this build of ONNX Runtime knows (${others.join(', ')})`}`;
  const sentence = reason.endsWith('.') ? reason : `${reason}.`;
  return new CompileError(
    `execution provider '${provider}' is not available here. ONNX Runtime says: ${sentence} What to do: ${remedy}.`,
    { cause },
  );
}
