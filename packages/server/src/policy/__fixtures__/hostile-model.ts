import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tinyCheckpoint } from './policy-folder.ts';

/** What a stranger may have put into a model's folder. */
export type Hostility = 'endless-template' | 'endless-pattern';

/** A copy of the tiny checkpoint with something in it that would never end. */
export async function hostileModel(hostility: Hostility): Promise<{
  readonly folder: string;
  remove(): Promise<void>;
}> {
  const folder = await mkdtemp(join(tmpdir(), 'safetune-hostile-'));
  await cp(tinyCheckpoint, folder, { recursive: true });
  const change = async (name: string, changed: (content: Record<string, unknown>) => object) => {
    const file = join(folder, name);
    await writeFile(file, JSON.stringify(changed(JSON.parse(await readFile(file, 'utf8')))));
  };
  if (hostility === 'endless-template') {
    const loop = '{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}';
    await change('tokenizer_config.json', (content) => ({ ...content, chat_template: loop }));
  } else {
    const split = { type: 'Split', pattern: { Regex: '(x+x+)+y' }, behavior: 'Isolated', invert: false };
    await change('tokenizer.json', (content) => ({
      ...content,
      pre_tokenizer: { type: 'Sequence', pretokenizers: [split, content.pre_tokenizer] },
    }));
  }
  return { folder, remove: () => rm(folder, { recursive: true }) };
}
