/** The process of a job with a screen and a gate that are quick and decide by words of the examples. */

import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChatExample } from '@safetune/datasets';
import { writeManifest } from '../../evidence/write-manifest.ts';
import { serveJob } from '../serve-job.ts';

const says = (example: ChatExample, word: string) => JSON.stringify(example.messages).includes(word);

serveJob({
  async screen({ examples, directory }) {
    await mkdir(directory, { recursive: true });
    const kept = examples.filter((example) => !says(example, 'drop me'));
    const isRefused = examples.some((example) => says(example, 'refuse the file'));
    const reportFile = join(directory, 'screening.jsonl');
    await writeFile(reportFile, `${JSON.stringify({ kept: kept.length })}\n`);
    if (examples.some((example) => says(example, 'crash'))) process.kill(process.pid, 'SIGKILL');
    return {
      kept: isRefused ? [] : kept,
      reportFile,
      verdict: {
        outcome: isRefused ? 'refused' : 'passed',
        examples: examples.length,
        warned: 0,
        dropped: examples.length - kept.length,
        reasons: {},
        reason: isRefused ? 'an example refuses the file' : `${kept.length} examples are kept`,
      },
    };
  },
  async gate({ adapterDirectory, examples, directory }) {
    const adapter = await readFile(join(adapterDirectory, 'adapter_model.safetensors'));
    const reportFile = join(directory, 'report.json');
    const outcome = examples.some((example) => says(example, 'refuse the model')) ? 'refused' : 'released';
    await writeFile(
      reportFile,
      JSON.stringify({ sha256: createHash('sha256').update(adapter).digest('hex') }),
    );
    return {
      reportFile,
      failures: [],
      verdict: { outcome, measurements: [], reason: `the model is ${outcome}` },
    };
  },
  writeManifest,
});
