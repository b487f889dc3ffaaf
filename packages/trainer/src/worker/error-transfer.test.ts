import { ShapeError } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { NonFiniteLossError, TrainingCheckpointError } from '../errors.ts';
import { restoreError, transferError } from './error-transfer.ts';

/** As a message port would: through a structured clone. */
const send = (thrown: unknown) => restoreError(structuredClone(transferError(thrown)));

describe('an error sent to another thread', () => {
  it('keeps its marker, fields, name, message and stack', () => {
    const error = new NonFiniteLossError(7, { loss: Number.NaN, kl: 2 });
    const restored = send(error);
    expect(NonFiniteLossError.isInstance(restored)).toBe(true);
    expect(ShapeError.isInstance(restored)).toBe(false);
    expect(restored).toMatchObject({
      step: 7,
      terms: { loss: Number.NaN, kl: 2 },
      name: 'NonFiniteLossError',
    });
    expect(restored.message).toBe(error.message);
    expect(restored.stack).toBe(error.stack);
    expect(String(restored)).toBe(String(error));
  });

  it('keeps the chain of causes', () => {
    const cause = new ShapeError('matmul', 'does not fit');
    const restored = send(new TrainingCheckpointError('a.safetensors', 'is damaged', { cause }));
    expect(restored).toMatchObject({ file: 'a.safetensors' });
    expect(ShapeError.isInstance(restored.cause)).toBe(true);
    expect(restored.cause).toMatchObject({ operation: 'matmul' });
  });

  it('describes in text what cannot be cloned', () => {
    const restored = send(Object.assign(new Error('no'), { work: () => 1, count: 2 }));
    expect(restored).toMatchObject({ work: '[Function: work]', count: 2 });
  });

  it('is an error even when something else was thrown', () => {
    expect(send('text').message).toContain("'text'");
    expect(send(undefined)).toBeInstanceOf(Error);
  });
});
