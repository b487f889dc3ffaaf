import { expect, it } from 'vitest';
import { CompileError } from './errors.ts';
import { sessionError } from './session-error.ts';

const supported = ['cpu', 'webgpu', 'cuda'];
const messageOf = (provider: string, reason: unknown) => sessionError(provider, reason, supported).message;

it.each([
  'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library',
  'CUDA execution provider is either not enabled or not available.',
  'CUDA failure 100: no CUDA-capable device is detected',
  'CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version',
])("tells a provider that is absent by ONNX Runtime's '%s'", (reason) => {
  const error = sessionError('cuda', new Error(reason), supported);
  expect(error).toBeInstanceOf(CompileError);
  expect(error.message).toContain(
    `execution provider 'cuda' is not available here. ONNX Runtime says: ${reason}`,
  );
  expect(error.message).toMatch(
    /use 'cpu', or install what 'cuda' needs: its libraries, a device and its driver\.$/,
  );
});

it('names other providers for one that this build does not know', () => {
  const reason = new Error('no available backend found. ERR: [gpu] backend not found.\n');
  expect(messageOf('gpu', reason)).toBe(
    "execution provider 'gpu' is not available here. ONNX Runtime says: no available backend found. ERR: [gpu] " +
      "backend not found. What to do: use 'cpu', or another that this build of ONNX Runtime knows (webgpu, cuda).",
  );
  expect(sessionError('gpu', reason, ['cpu']).message).toMatch(/What to do: use 'cpu'\.$/);
});

it('says of a provider that is there that the graph was refused', () => {
  const reason = 'This is an invalid model. Type Error: Type of input is wrong';
  for (const provider of ['cpu', 'cuda']) {
    const error = sessionError(provider, new Error(reason), supported);
    expect(error.message).toBe(
      `ONNX Runtime refused the graph (execution provider '${provider}'): ${reason}`,
    );
    expect(error.cause).toBeInstanceOf(Error);
  }
  expect(messageOf('cpu', 'Failed to load library x.so')).toContain('refused the graph');
});
