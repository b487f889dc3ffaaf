import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { pythonWith } from '../../../../conformance/python.ts';
import { markedTemplates, plainTemplates } from '../../../../conformance/template-tokenizer.ts';
import { compareWithTrl, type Marked, masked, readTrl } from '../../../../conformance/trl-masks.ts';

const goldens = JSON.parse(
  readFileSync(new URL('../../../../conformance/goldens/masks.json', import.meta.url), 'utf8'),
) as Marked[];

/** What is found otherwise without marks than with them, and why. */
const otherwise: Readonly<Record<string, RegExp>> = {
  // Its calls need a content of null: here nothing of the first response is shown.
  'deepseek-r1-distill: tools, then more': /it is unclear where the response stands/,
  'deepseek-r1-distill: tools, reasoned': /it is unclear where the response stands/,
  // It shows no calls.
  'smollm3: call last': /no token to learn/,
};

const expectedOf = (name: string) => goldens.filter(({ template }) => template === name);

describe.each([
  ['by their marks', markedTemplates()],
  ['without marks', plainTemplates()],
])('templates of models that think and call tools, %s', (_how, templates) => {
  it.each(templates.map((template) => [template.name, template] as const))('%s', (name, template) => {
    let compared = 0;
    for (const { conversation, text, generated, error } of expectedOf(name)) {
      const ours = masked(template, conversation);
      const why = 'error' in ours ? otherwise[`${name}: ${conversation}`] : undefined;
      if (error !== undefined) expect(ours, conversation).toHaveProperty('error');
      else if (why !== undefined) expect(ours.error).toMatch(why);
      else if (name === 'mistral-v3' && conversation === 'assistant first') {
        // Where no prompt stands before a response, it begins with its text.
        expect(ours.generated?.map((text) => text.trimStart())).toEqual(
          generated?.map((text) => text.trimStart()),
        );
      } else {
        expect(ours, conversation).toEqual({ text, generated });
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(6);
  });
});

const python = pythonWith('transformers', 'jinja2', 'tokenizers', 'trl');

describe.skipIf(python === undefined)("trl's assistant-only loss (skipped without trl)", async () => {
  const comparisons = python === undefined ? [] : compareWithTrl(await readTrl());

  it("trains the turns that are trained here, by its marks and in the models' own templates", () => {
    for (const { template, rendered, byMarks, sameText, withoutMarks } of comparisons)
      expect({ template, byMarks, withoutMarks }).toEqual({
        template,
        byMarks: rendered,
        withoutMarks: sameText,
      });
    expect(comparisons.length).toBeGreaterThan(20);
    expect(comparisons.reduce((sum, { rendered }) => sum + rendered, 0)).toBeGreaterThan(250);
    expect(comparisons.reduce((sum, { sameText }) => sum + sameText, 0)).toBeGreaterThan(200);
  });
});
