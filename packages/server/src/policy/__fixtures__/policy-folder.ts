import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readPolicy } from '../read-policy.ts';

/** A tiny checkpoint that Python made; see conformance/README.md. */
export const tinyCheckpoint = fileURLToPath(
  new URL('../../../../../conformance/goldens/checkpoints/llama-untied-float32', import.meta.url),
);

/** Safe examples for interleaving. */
export const safeExamples = Array.from({ length: 4 }, (_, index) => ({
  messages: [
    { role: 'user', content: `safe question ${index}` },
    { role: 'assistant', content: `safe answer ${index}` },
  ],
}));

const made: string[] = [];

/** Removes the folders that this process has made so far; a test file calls it at its end. */
export async function removePolicyFolders(): Promise<void> {
  for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true });
}

/** A folder with a policy and what it names. */
export async function policyFolder(
  text: string,
  files: Readonly<Record<string, string>> = {},
): Promise<{ readonly folder: string; readonly file: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'safetune-policy-'));
  made.push(folder);
  const file = join(folder, 'policy.yaml');
  await writeFile(file, text);
  await writeFile(join(folder, 'safe.jsonl'), safeExamples.map((one) => `${JSON.stringify(one)}\n`).join(''));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return { folder, file };
}

/** The policy that a text says, with a model `tiny` before it. */
export async function policyOf(rest: string, files?: Readonly<Record<string, string>>) {
  const { file } = await policyFolder(`models:\n  tiny: {path: ${tinyCheckpoint}}\n${rest}`, files);
  return readPolicy(file);
}
