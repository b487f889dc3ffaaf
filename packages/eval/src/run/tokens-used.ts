import { join } from 'node:path';
import type { TokenCount } from '../sources/answer-source.ts';
import { readRecordFile } from './record-file.ts';
import { readRun } from './run-folder.ts';
import { answerRecord, verdictRecord } from './run-records.ts';

/**
 * The tokens that a run folder's answers and verdicts took, by the model's name, as far as servers counted them: what a
 * `tokenMeter` that goes on with the run is told as `used`. What it took to try the judge out is not kept, and not among them.
 *
 * @throws {RunFolderError} when it is not the folder of an evaluation, or a file in it is damaged.
 */
export function tokensUsed(folder: string): Readonly<Record<string, TokenCount>> {
  const { source } = readRun(folder);
  const used = new Map<string, TokenCount>();
  const add = (model: string, tokens: TokenCount | undefined) => {
    const { prompt, completion } = used.get(model) ?? { prompt: 0, completion: 0 };
    if (tokens !== undefined)
      used.set(model, { prompt: prompt + tokens.prompt, completion: completion + tokens.completion });
  };
  for (const { tokens } of readRecordFile(join(folder, 'answers.jsonl'), answerRecord))
    add(String(source.settings.model ?? source.name), tokens);
  const judges = new Map<string, string>();
  for (const record of readRecordFile(join(folder, 'verdicts.jsonl'), verdictRecord)) {
    if (record.kind === 'judge') judges.set(record.judge, String(record.settings.model ?? record.name));
    else add(judges.get(record.judge) ?? record.judge, record.verdict.tokens);
  }
  return Object.fromEntries(used);
}
