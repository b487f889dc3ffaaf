import { expect, it } from 'vitest';
import { formatTime } from './strftime.ts';

// Expected values are those of Python's datetime.strftime in the C locale.
const morning = new Date(2024, 2, 5, 8, 7, 9);

it.each([
  ['%d %b %Y', '05 Mar 2024'],
  ['%-d %B %y', '5 March 24'],
  ['%A, %a %e', 'Tuesday, Tue  5'],
  ['%H:%M:%S = %T on %F', '08:07:09 = 08:07:09 on 2024-03-05'],
  ['%I %p 100%%', '08 AM 100%'],
  ['%-H:%-M', '8:7'],
])('prints %s', (format, expected) => {
  expect(formatTime(morning, format)).toBe(expected);
});

it('prints the afternoon and midnight', () => {
  expect(formatTime(new Date(2024, 0, 1, 13), '%I %p')).toBe('01 PM');
  expect(formatTime(new Date(2024, 0, 1, 0), '%I %p %-H')).toBe('12 AM 0');
});

it('refuses what it does not know', () => {
  expect(() => formatTime(morning, '%Q')).toThrow('%Q');
});
