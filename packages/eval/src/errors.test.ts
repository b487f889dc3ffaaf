import { expect, test, vi } from 'vitest';
import * as errors from './errors.ts';

test('an error of another copy of the package is still recognised, other errors are not', async () => {
  vi.resetModules();
  const copy = await import('./errors.ts');
  const error = new copy.ReportWriteError('/out', 'cannot be written');
  expect(error).not.toBeInstanceOf(errors.ReportWriteError);
  expect(errors.ReportWriteError.isInstance(error)).toBe(true);
  expect(errors.UnscoredError.isInstance(error)).toBe(false);
  expect(errors.ReportWriteError.isInstance(new Error('x'))).toBe(false);
  expect(errors.ReportWriteError.isInstance(null)).toBe(false);
});
