import { expect, test } from 'vitest';
import { retryAfterMs } from './retry-after.ts';

const now = Date.UTC(2026, 0, 1, 12, 0, 0);

test.each([
  [{ 'retry-after': '90' }, 90_000],
  [{ 'retry-after': '0' }, 0],
  [{ 'retry-after': '1.5' }, 1500],
  [{ 'retry-after-ms': '250', 'retry-after': '9' }, 250],
  [{ 'retry-after': 'Thu, 01 Jan 2026 12:01:30 GMT' }, 90_000],
  [{ 'retry-after': 'Thursday, 01-Jan-26 12:01:30 GMT' }, 90_000],
  [{ 'retry-after': 'Thu Jan  1 12:01:30 2026 GMT' }, 90_000],
  // The server's clock is an hour ahead.
  [{ 'retry-after': 'Thu, 01 Jan 2026 13:01:30 GMT', date: 'Thu, 01 Jan 2026 13:00:00 GMT' }, 90_000],
  [{ 'retry-after': 'Thu, 01 Jan 2026 11:00:00 GMT' }, 0],
  [{ 'retry-after': 'soon' }, undefined],
  [{ 'retry-after': '-5' }, undefined],
  [{}, undefined],
])('%j', (headers, milliseconds) => expect(retryAfterMs(headers, now)).toBe(milliseconds));
