import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../conformance/python.ts';
import { conversations, type TemplateCase, templateCases } from '../../../../conformance/template-cases.ts';
import { temporaryDirectory } from '../__fixtures__/goldens.ts';
import { chatRenderer } from './chat-template.ts';

/** What Python's Jinja gives, or that it refuses. */
type Answer = { readonly text: string } | { readonly error: string };

const conformance = new URL('../../../../conformance/', import.meta.url);
const read = (file: string) => JSON.parse(readFileSync(new URL(file, conformance), 'utf8'));
const goldenFile = new URL('goldens/templates.json', conformance);

/** What the traps are rendered with. */
const trapInput = {
  messages: conversations(1, 0)[0]!,
  arguments: { enable_thinking: false, number: 3, real: 1.5 },
};

/** One trap each, then templates in the manner of model families, then templates from a generator. */
function allCases(generated: number, seed: number): TemplateCase[] {
  const snippets = (read('templates/snippets.json') as string[]).map((template) => ({
    template,
    ...trapInput,
  }));
  const tokens = { bos_token: '<s>', eos_token: '</s>' };
  const families = Object.values(read('templates/families.json') as Record<string, string>).flatMap(
    (template) =>
      conversations(generated > 0 ? 30 : 3, seed).map((messages) => ({
        template,
        messages,
        arguments: tokens,
      })),
  );
  return [...snippets, ...families, ...templateCases(generated === 0 ? 150 : generated, seed)];
}

function ours({ template, messages, arguments: templateArguments }: TemplateCase): Answer {
  const options = {
    directory: 'model',
    name: 'default',
    variables: {},
    now: () => new Date(),
    templateArguments,
  };
  try {
    return { text: chatRenderer(new Map([['default', template]]), options).render(messages).text };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

/** Cases that render otherwise than in Python: silent differences. What we refuse is told apart by its error. */
function differences(cases: readonly TemplateCase[], python: readonly Answer[]) {
  const counts = { equal: 0, refusedByBoth: 0, refusedByUs: 0 };
  const different: { template: string; ours: string; python: string }[] = [];
  for (const [index, one] of cases.entries()) {
    const [mine, theirs] = [ours(one), python[index]!];
    if ('error' in mine) counts['error' in theirs ? 'refusedByBoth' : 'refusedByUs']++;
    else if ('text' in theirs && mine.text === theirs.text) counts.equal++;
    else different.push({ template: one.template, ours: mine.text, python: JSON.stringify(theirs) });
  }
  return { counts, different };
}

const directory = temporaryDirectory();
const canAsk = pythonWith('transformers', 'jinja2') !== undefined && pythonWith() !== undefined;

async function askPython(cases: readonly TemplateCase[]): Promise<Answer[]> {
  const file = join(directory, 'cases.json');
  writeFileSync(file, JSON.stringify(cases));
  return (await runPython('render_templates.py', [file])) as Answer[];
}

describe('chat templates against Python', () => {
  it('render to the committed texts', () => {
    const written = read('goldens/templates.json') as (TemplateCase & Answer)[];
    const goldens = written.map((one) => ({ ...trapInput, ...one }));
    const { counts, different } = differences(goldens, goldens);
    expect(different).toEqual([]);
    expect(counts.equal).toBeGreaterThan(200);
    // The traps hold everything that is refused by name.
    expect(counts.refusedByUs).toBeLessThan(60);
  });

  it.skipIf(!canAsk)('render as transformers renders them now (skipped without it)', async () => {
    const cases = allCases(600, Number(process.env.TEMPLATE_SEED ?? 7));
    const python = await askPython(cases);
    const { counts, different } = differences(cases, python);
    console.log(`${cases.length} templates against Python:`, counts);
    expect(different).toEqual([]);
    expect(counts.refusedByUs).toBeLessThan(cases.length / 20);
  });

  it.runIf(process.env.UPDATE_GOLDENS === '1')('are written down with what Python gives', async () => {
    const cases = allCases(0, 1);
    const python = await askPython(cases);
    const lines = cases.map((one, index) => {
      const { template, ...input } = one;
      const own = input.messages === trapInput.messages ? {} : input;
      return JSON.stringify({ template, ...own, ...python[index]! });
    });
    writeFileSync(goldenFile, `[\n${lines.join(',\n')}\n]\n`);
  });
});
