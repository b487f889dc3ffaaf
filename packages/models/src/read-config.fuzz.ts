import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, it } from 'vitest';
import { fuzz, mutatedBytes, mutatedJson } from '../../../conformance/fuzz.ts';
import { familyConfig, familyGoldenNames } from './__fixtures__/family-goldens.ts';
import { goldenDirectory } from './__fixtures__/goldens.ts';
import { familyOf } from './families/families.ts';
import { loadModel } from './load-model.ts';
import { loadTokenizer } from './tokenizer.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-fuzz-'));
});
afterAll(() => rm(directory, { recursive: true }));

const golden = (name: string) => `${goldenDirectory('llama-untied-float32')}/${name}`;
const messages = [
  { role: 'user', content: 'Hi' },
  { role: 'assistant', content: 'Yes' },
];

it("a stranger's config.json is refused, or loaded", async () => {
  const folder = join(directory, 'config');
  await cp(goldenDirectory('llama-untied-float32'), folder, { recursive: true });
  const original = JSON.parse(await readFile(golden('config.json'), 'utf8'));
  await fuzz({
    name: 'model configs',
    tries: 1000,
    inputs: mutatedJson([original]),
    async enter(config) {
      await writeFile(join(folder, 'config.json'), JSON.stringify(config));
      await loadModel(folder);
    },
  });
});

it("a stranger's config.json of any family is refused, or describes a model", async () => {
  const originals = await Promise.all(familyGoldenNames.map(familyConfig));
  await fuzz({
    name: 'configs of families',
    tries: 4000,
    inputs: mutatedJson(originals),
    async enter(config) {
      const modelType = (config as { readonly model_type?: unknown } | null)?.model_type;
      const family = typeof modelType === 'string' ? familyOf(modelType) : undefined;
      const architecture = family?.read(config, 'config.json');
      architecture?.block(0);
    },
  });
});

it("a stranger's tokenizer.json is refused, or loaded", async () => {
  const folder = join(directory, 'tokenizer');
  await cp(goldenDirectory('llama-untied-float32'), folder, { recursive: true });
  const original = JSON.parse(await readFile(golden('tokenizer.json'), 'utf8'));
  // Few vocabulary entries, so that changes fall on the settings too.
  await fuzz({
    name: 'tokenizer files',
    tries: 1000,
    inputs: mutatedJson([
      original,
      { ...original, added_tokens: [], model: { ...original.model, vocab: {}, merges: [] } },
    ]),
    async enter(content) {
      await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(content));
      (await loadTokenizer(folder)).encode('Hello, world 123 \u{1f600}');
    },
  });
});

it("a stranger's chat template is refused, or renders", async () => {
  const folder = join(directory, 'template');
  await cp(goldenDirectory('llama-untied-float32'), folder, { recursive: true });
  const pieces = [
    '{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}',
    '{% for i in range(4000000000) %}x{% endfor %}',
    "{% set ns = namespace(s='x') %}{% for i in range(200) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}",
    '{% macro f(n) %}{{ f(n + 1) }}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}',
    "{{ messages | map(attribute='content') | join(', ') }}",
    '{{ messages[99].content.nothing }}',
    "{{ 'x' * 1000000000 }}",
    '{{ messages | tojson(indent=4) }}',
    '{{ raise_exception("no") }}',
    '{% if messages[0].role is eq("user") and not x %}a{% else %}b{% endif %}',
  ];
  await fuzz({
    name: 'chat templates',
    tries: 2000,
    inputs: mutatedBytes(pieces.map((piece) => Buffer.from(piece))),
    async enter(bytes) {
      await writeFile(join(folder, 'chat_template.jinja'), bytes);
      (await loadTokenizer(folder)).renderChat(messages);
    },
  });
});
