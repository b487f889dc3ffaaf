import { afterEach, expect, it, vi } from 'vitest';
import { conversionLine } from './conversion-line.ts';

afterEach(() => vi.restoreAllMocks());

function drawn(steps: readonly (readonly [milliseconds: number, 'reading' | 'converting', number])[]) {
  const written: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  let time = 0;
  const tell = conversionLine('float32', () => time);
  for (const [milliseconds, step, done] of steps) {
    time = milliseconds;
    tell({ step, done, total: 4e9 });
  }
  return written.join('');
}

it('says what is done, what is left and how fast, of each step', () => {
  const text = drawn([
    [500, 'reading', 1e9],
    [2000, 'reading', 4e9],
    [2001, 'converting', 1e6],
    [6001, 'converting', 1e9],
    [18_001, 'converting', 4e9],
  ]);
  expect(text).toMatch(/reading the weights: 100 % {2}0 s left {2}4\.00 of 4\.00 GB {2}2000 MB\/s\n/);
  expect(text).toMatch(
    /converting them to float32, once: 25 % {2}12 s left {2}1\.00 of 4\.00 GB {2}250 MB\/s\n/,
  );
  expect(text).toMatch(/once: 100 %/);
});

it('says nothing of a conversion that is over at once', () => {
  expect(
    drawn([
      [100, 'reading', 4e9],
      [200, 'converting', 4e9],
    ]),
  ).toBe('');
});
