import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

/** A folder for the files of a test, gone after it. */
export function dataFolder(): {
  readonly path: string;
  write(name: string, content: string | Uint8Array): Promise<string>;
} {
  let path = '';
  beforeAll(async () => {
    path = await mkdtemp(join(tmpdir(), 'safetune-datasets-'));
  });
  afterAll(() => rm(path, { recursive: true }));
  return {
    get path() {
      return path;
    },
    async write(name, content) {
      const file = join(path, name);
      await writeFile(file, content);
      return file;
    },
  };
}

/** A chat of one question and its answer as a line of a file. */
export const chatLine = (answer: string, question = 'q') =>
  JSON.stringify({
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ],
  });
