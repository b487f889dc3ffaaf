/** Turns 10 MB of text into ids, one step the whole of it, on one thread. The figure `tokens` is for the peer to be compared. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadTokenizer } from '@safetune/models';
import { print, type Repetitions, settings, timeSteps } from './lines.ts';

interface TokenizeSettings extends Repetitions {
  /** Checkpoint folder. */
  readonly directory: string;
  readonly cacheDirectory: string;
}

const { directory, cacheDirectory, ...repetitions } = settings<TokenizeSettings>();
const texts = benchmarkTexts();
mkdirSync(cacheDirectory, { recursive: true });
// What the peer reads.
writeFileSync(join(cacheDirectory, 'texts.json'), JSON.stringify(texts));
const tokenizer = await loadTokenizer(directory);
let tokens = 0;
await timeSteps(repetitions, async () => {
  tokens = 0;
  for (const text of texts) tokens += tokenizer.encode(text).length;
  return tokens;
});
print({ type: 'figure', name: 'tokens', value: tokens });

/** Prose and code of this repository in its own order, again and again, in pieces of 2,000 characters. */
function benchmarkTexts(): string[] {
  const root = join(import.meta.dirname, '../..');
  const files = execFileSync('git', ['ls-files', '*.md', '*.ts', '*.py'], { cwd: root, encoding: 'utf8' });
  const whole = files
    .split('\n')
    .filter((file) => file !== '')
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n');
  const pieces: string[] = [];
  // Pieces of a second walk begin elsewhere than those of the first.
  for (let bytes = 0, start = 0; bytes < 10e6; start = (start + 2000) % whole.length) {
    const piece = whole.slice(start, start + 2000).toWellFormed();
    pieces.push(piece);
    bytes += Buffer.byteLength(piece);
  }
  return pieces;
}
