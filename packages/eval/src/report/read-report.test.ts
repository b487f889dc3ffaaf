import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { largeResult } from '../__fixtures__/large-result.ts';
import { temporaryFolder } from '../__fixtures__/temporary-folder.ts';
import { evaluationReport } from './json.ts';
import { readReport } from './read-report.ts';
import { ReportFileError } from './report-file-error.ts';
import { evaluationReportSchema } from './report-schema.ts';
import { writeReport } from './write-report.ts';

const result = largeResult('tiny', 108);

test('what was written is read, from the file or its folder', async () => {
  const folder = await temporaryFolder();
  const { report } = await writeReport(folder, result);
  const plain = JSON.parse(JSON.stringify(evaluationReport(result)));
  expect(await readReport(report)).toEqual(plain);
  expect(await readReport(folder)).toEqual(plain);
});

test('the schema knows every field: what it does not know it drops', () => {
  const report = evaluationReport(result);
  expect(evaluationReportSchema.parse(report)).toEqual(report);
  expect(evaluationReportSchema.parse({ ...report, later: 1 })).toEqual(report);
});

test('tokens are counted', () => {
  const counted = result.rows.filter(({ tokens }) => tokens !== undefined).length;
  expect(evaluationReport(result).tokens).toEqual({
    answers: counted,
    prompt: 30 * counted,
    completion: 60 * counted,
  });
});

test.each([
  ['not JSON', '{', 'is not JSON'],
  ['another format', '{"format":"x"}', 'is not the report of an evaluation'],
  ['no object', '[]', 'is not the report of an evaluation'],
  ['an earlier version', '{"format":"safetune-evaluation","version":1}', 'is a report of version 1'],
  ['hostile', '{"format":"safetune-evaluation","version":"\\u001b[31m"}', 'is a report of version'],
])('%s is a ReportFileError that names the file', async (_, text, message) => {
  const file = join(await temporaryFolder(), 'report.json');
  await writeFile(file, text);
  const failure = readReport(file);
  await expect(failure).rejects.toSatisfy(ReportFileError.isInstance);
  await expect(failure).rejects.toThrow(message);
  await expect(failure).rejects.toThrow(file);
  await expect(failure).rejects.not.toThrow('\u001b');
});

test('a field that is wrong is named', async () => {
  const file = join(await temporaryFolder(), 'report.json');
  const report = evaluationReport(result);
  await writeFile(file, JSON.stringify({ ...report, overall: { ...report.overall, answers: -1 } }));
  await expect(readReport(file)).rejects.toThrow('overall.answers');
});

test('a folder without a report is a ReportFileError', async () => {
  await expect(readReport(await temporaryFolder())).rejects.toSatisfy(ReportFileError.isInstance);
});
