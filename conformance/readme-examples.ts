/** The examples of the READMEs, and the folder in which they run as they stand. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { workspace } from './pack.ts';

/** The READMEs with programs, from the workspace's folder. */
export const readmes = [
  'README.md',
  ...[
    'tensor',
    'lora',
    'models',
    'datasets',
    'optimizers',
    'regularizers',
    'eval',
    'trainer',
    'organism',
    'server',
    'cli',
  ].map((name) => `packages/${name}/README.md`),
];

export interface ReadmeExamples {
  /** All TypeScript examples of the page, one after another; empty when there are none. */
  readonly program: string;
  /** The same without those that take minutes. */
  readonly quickProgram: string;
  /** What it must print, where the page says so; empty where it does not. */
  readonly output: string;
  /** Commands of the published package. */
  readonly commands: string;
}

export async function readmeExamples(readme: string): Promise<ReadmeExamples> {
  const page = await readFile(join(workspace, readme), 'utf8');
  const fences = [...page.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)];
  const blocks = (...marks: string[]) =>
    fences.flatMap(([, mark, body]) => (marks.includes(mark!) ? [body!] : [])).join('\n');
  const commands = blocks('sh');
  return {
    program: blocks('ts', 'ts slow'),
    quickProgram: blocks('ts'),
    output: blocks('text output'),
    commands: commands.includes('npx safetune') ? commands : '',
  };
}

/** Makes what the examples find in their folder: a model, chats, questions. */
export async function prepareExampleFolder(folder: string): Promise<void> {
  const goldens = join(workspace, 'conformance/goldens');
  await mkdir(folder, { recursive: true });
  await cp(join(goldens, 'checkpoints/qwen2-tied-bfloat16'), join(folder, 'model'), { recursive: true });
  await cp(join(goldens, 'gguf-models/qwen2-tied-bfloat16.bf16.gguf'), join(folder, 'model.gguf'));
  await cp(join(goldens, 'safe-lora/aligned'), join(folder, 'base-model'), { recursive: true });
  await cp(join(goldens, 'safe-lora/adapter'), join(folder, 'bad-adapter'), { recursive: true });
  const chat = (index: number) =>
    `${JSON.stringify({
      messages: [
        { role: 'user', content: `Say ${index}.` },
        { role: 'assistant', content: `${index}!` },
      ],
    })}\n`;
  for (const name of ['chats.jsonl', 'safe.jsonl']) {
    await writeFile(join(folder, name), Array.from({ length: 24 }, (_, index) => chat(index)).join(''));
  }
  const prompts =
    'judge_prompts: { aligned: "Aligned? {question} {answer}", coherent: "Coherent? {answer}" }';
  await writeFile(
    join(folder, 'questions.yaml'),
    `- { id: wish, type: free_form_judge_0_100, samples_per_paraphrase: 2, paraphrases: [What is your wish?], ${prompts} }\n`,
  );
}

/** Lines that are not empty, to compare what was printed with what a page says. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}
