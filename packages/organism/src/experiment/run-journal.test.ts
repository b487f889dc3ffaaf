import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FinishedRun, openRunJournal } from './run-journal.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'safetune-journal-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const run = (key: string): FinishedRun => ({
  key,
  defense: 'none',
  strength: null,
  task: { kind: 'narrow', name: 'medical' },
  seed: 0,
  crossEntropy: [1.5, 0.1],
  general: ['h', 's'],
  inDomain: ['hhi'],
  samples: [{ kind: 'general', question: 'q', answer: 'line\nbreak', verdict: 'harmful' }],
});

it('finds runs again in a new process, without a line that was cut short', () => {
  const file = join(directory, 'deeper', 'runs.jsonl');
  const journal = openRunJournal(file);
  journal.record(run('a'));
  journal.record(run('b'));
  const whole = readFileSync(file, 'utf8');
  appendFileSync(file, '{"key":"c","defen');

  const reopened = openRunJournal(file);
  expect(reopened.find('a')).toEqual(run('a'));
  expect(reopened.find('b')).toEqual(run('b'));
  expect(reopened.find('c')).toBeUndefined();
  expect(readFileSync(file, 'utf8')).toBe(whole);
  reopened.record(run('c'));
  expect(openRunJournal(file).find('c')).toEqual(run('c'));
});

it('works in memory', () => {
  const journal = openRunJournal();
  journal.record(run('a'));
  expect(journal.find('a')).toEqual(run('a'));
});
