import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  describeRegularizer,
  loadRegularizerModules,
  parseRegularizer,
  RegularizerModuleError,
  RegularizerOptionError,
  regularizerConfigSchema,
  regularizerFromConfig,
  withoutFolders,
} from '../index.ts';
import { requireTypeScript } from './module.ts';
import { moduleDigest } from './module-digest.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-module-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

async function module(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

const passing = 'examples: (source: AsyncIterable<object>) => source';
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe('a module as a regularizer', () => {
  it('is made from its path, with its options, and says what its code is', async () => {
    const text = `export default ({ weight = 1 }: { weight?: number }) =>
      ({ name: 'mine', config: { type: 'mine' }, weight, ${passing} });`;
    const type = await module('mine.ts', text);
    expect(() => regularizerFromConfig({ type })).toThrow('the module is not loaded');
    const config = parseRegularizer(`${type}=0.25`);
    expect(config).toEqual({ type, weight: 0.25 });
    expect(regularizerConfigSchema.parse(config)).toEqual(config);
    await loadRegularizerModules([config, { type: 'kl' }]);
    const made = regularizerFromConfig({ ...config, name: 'again' });
    expect(made).toMatchObject({
      name: 'again',
      weight: 0.25,
      config: { type, weight: 0.25, name: 'again' },
    });
    expect(await made.contents!({ adapter: undefined, cacheDirectory: folder })).toEqual({
      'module mine.ts': sha256(text),
    });
    expect(withoutFolders(made.config)).toEqual({ type: 'mine.ts', weight: 0.25, name: 'again' });
    await loadRegularizerModules([config]);
    await writeFile(type, `${text}\n`);
    await expect(loadRegularizerModules([config])).rejects.toThrow('mine.ts: has changed since this program');
  });

  it('may check its options, and say which is its strength and which are paths', async () => {
    const type = await module(
      'kind.mjs',
      `const schema = {
        shape: { share: 1, pool: 1 },
        safeParse: (data) => data.share < 1
          ? { success: true, data }
          : { success: false, error: { issues: [{ path: ['share'], message: 'must be below 1' }] } },
      };
      export default { schema, strength: 'share', paths: ['pool'],
        create: (options) => ({ name: 'kind', config: { type: 'kind' }, examples: (source) => source }) };`,
    );
    await loadRegularizerModules([{ type }]);
    expect(parseRegularizer(`${type}=0.5`)).toEqual({ type, share: 0.5 });
    expect(describeRegularizer(type)).toMatchObject({ paths: ['pool'], options: ['share', 'pool'] });
    expect(() => regularizerFromConfig({ type, shares: 1 })).toThrow("'shares'. Did you mean 'share'?");
    expect(() => regularizerFromConfig({ type, share: 2 })).toThrow('share: must be below 1');
    expect(withoutFolders({ type, pool: '/there/safe.jsonl' })).toEqual({
      type: 'kind.mjs',
      pool: 'safe.jsonl',
    });
  });

  it.each<[string, string, object, RegExp]>([
    [
      'weightless.mjs',
      '() => ({ name: "a", config: {}, examples: (s) => s })',
      { weight: 2 },
      /was given the weight 2, but its weight is undefined/,
    ],
    [
      'waits.mjs',
      'async () => ({ name: "a" })',
      {},
      /gives a promise, must give the regularizer: open in beforeTraining/,
    ],
    ['misspelt.mjs', '() => ({ name: "a", config: {}, afterstep() {} })', {}, /did you mean 'afterStep'/],
    ['nothing.mjs', '() => {}', {}, /undefined is no regularizer/],
  ])('%s is refused when it is made', async (name, text, options, message) => {
    const type = await module(name, `export default ${text};`);
    await loadRegularizerModules([{ type }]);
    expect(() => regularizerFromConfig({ type, ...options })).toThrow(message);
    expect(() => regularizerFromConfig({ type, ...options })).toThrow(RegularizerOptionError);
  });

  it.each<[string, string, string]>([
    ['named.mjs', 'export const mine = 3;', 'it exports mine and no default'],
    ['empty.mjs', '', 'it exports nothing and no default'],
    ['made.mjs', 'export default { name: "a", config: {} };', 'it is a regularizer already'],
    ['number.mjs', 'export default 3;', 'it is 3'],
    ['throws.mjs', 'throw new Error("no licence");', 'cannot be run: no licence'],
  ])('%s is refused when it is loaded', async (name, text, message) => {
    const type = await module(name, text);
    const failure = await loadRegularizerModules([{ type }]).catch((error: unknown) => error);
    expect(RegularizerModuleError.isInstance(failure) && failure.message).toContain(`${type}: `);
    expect(String(failure)).toContain(message);
  });

  it('is refused where it is not there, not wanted, or in a language that this Node does not run', async () => {
    const type = join(folder, 'missing.ts');
    await expect(loadRegularizerModules([{ type }])).rejects.toThrow('there is no such module');
    vi.stubEnv('SAFETUNE_NO_MODULES', '1');
    const there = await module('there.mjs', 'globalThis.isThere = true;');
    await expect(loadRegularizerModules([{ type: there }])).rejects.toThrow('SAFETUNE_NO_MODULES=1');
    expect(globalThis).not.toHaveProperty('isThere');
    expect(() => requireTypeScript('mine.mts', false)).toThrow(
      `is TypeScript, which Node runs from 22.18 on; this is ${process.versions.node}`,
    );
    expect(() => requireTypeScript('mine.mjs', false)).not.toThrow();
    expect(() => requireTypeScript('mine.ts', 'strip')).not.toThrow();
  });
});

it('the digest of a module covers the files that it imports by their place', async () => {
  const path = await module(
    'whole.ts',
    "import { a } from './part.ts';\nimport { b } from 'elsewhere';\n// from './gone.ts'\nexport default a;",
  );
  await module('part.ts', "export { a } from './whole.ts';\n");
  const before = await moduleDigest(path);
  await module('part.ts', "export { a } from './whole.ts'; \n");
  expect(await moduleDigest(path)).not.toBe(before);
  await module('part.ts', "export { a } from './whole.ts';\n");
  expect(await moduleDigest(path)).toBe(before);
});
