/** docs/evaluation-reports.md tells every field of report.json and every column of answers.csv. */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { answersCsv, evaluationReportSchema } from '../packages/eval/src/index.ts';

const page = await readFile(new URL('evaluation-reports.md', import.meta.url), 'utf8');
const told = new Set([...page.matchAll(/`([\w.]+)`/g)].map(([, name]) => name!));

/** Names of the properties of a schema, wherever they are. */
function namesIn(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties = {}, ...rest } = schema as { properties?: object };
  return [
    ...Object.keys(properties),
    ...[...Object.values(properties), ...Object.values(rest)].flatMap(namesIn),
  ];
}

it('every field of report.json', () => {
  const names = new Set(namesIn(evaluationReportSchema.toJSONSchema()));
  expect(names.size).toBeGreaterThan(50);
  expect([...names].filter((name) => !told.has(name))).toEqual([]);
});

it('every column of answers.csv', () => {
  const columns = answersCsv([]).trim().split(',');
  expect(columns.filter((name) => !told.has(name))).toEqual([]);
});
