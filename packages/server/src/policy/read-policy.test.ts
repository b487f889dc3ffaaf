import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { PolicyFileError } from '../errors.ts';
import { policyFolder, policyOf, removePolicyFolders, tinyCheckpoint } from './__fixtures__/policy-folder.ts';
import { readPolicy } from './read-policy.ts';

afterAll(removePolicyFolders);

const models = `models: {tiny: {path: ${tinyCheckpoint}}}`;

async function problemsOf(text: string): Promise<readonly string[]> {
  const { file } = await policyFolder(text);
  const error = await readPolicy(file).catch((thrown: unknown) => thrown);
  if (!PolicyFileError.isInstance(error)) throw new Error(`no PolicyFileError, but ${String(error)}`);
  expect(error.file).toBe(file);
  return error.problems;
}

describe('a policy', () => {
  it('has every default, absolute paths, names of the hub as they are, and a digest', async () => {
    const { folder, file } = await policyFolder(
      `models:
  tiny: {path: ${tinyCheckpoint}, precision: int8}
  hub: {path: owner/name}
safeguards:
  mandatory:
    - {type: kl, weight: 0.2, only_tagged: interleaved}
    - {type: interleaving, pool: ./safe.jsonl}
    - {type: ./mine.mjs, weight: 2}
screening: {persona: {vectors: evil.safetensors, warn: 0.5}}
gate: {log_odds: {pairs: pairs.jsonl, quarantine: 0.2, refuse: 0.5}}
`,
      {
        'mine.mjs':
          'export default ({ weight }) => ({ name: "mine", config: {}, weight, examples: (source) => source });',
        'evil.safetensors': '',
        'pairs.jsonl': '',
      },
    );
    const policy = await readPolicy(file);
    expect(policy.models).toEqual({
      tiny: { path: tinyCheckpoint, precision: 'int8', download: false },
      hub: { path: 'owner/name', precision: 'float32', download: false },
    });
    expect(policy.safeguards).toEqual({
      mandatory: [
        { type: 'kl', weight: 0.2, only_tagged: 'interleaved' },
        { type: 'interleaving', pool: join(folder, 'safe.jsonl') },
        { type: join(folder, 'mine.mjs'), weight: 2 },
      ],
      optional: [],
    });
    expect(policy.screening.persona?.vectors).toBe(join(folder, 'evil.safetensors'));
    expect(policy.gate.log_odds).toEqual({
      pairs: join(folder, 'pairs.jsonl'),
      quarantine: 0.2,
      refuse: 0.5,
    });
    expect(policy.limits).toMatchObject({
      ...{ tokens: 50_000_000, jobs_per_day: 100, held_back_models: 5, held_back_days: 30 },
      wrong_keys_per_minute: 20,
    });
    expect(policy.gate.report).toBe('full');
    expect(policy.training).toMatchObject({ epochs: 3, batch_size: 8, methods: ['supervised', 'dpo'] });
    expect(policy.sha256).toBe(
      createHash('sha256')
        .update(await readFile(file))
        .digest('hex'),
    );
  });

  it('is refused with every problem and its line', async () => {
    expect(
      await problemsOf(`models:
  tiny: {path: ${tinyCheckpoint}, prcision: int8}
limits:
  examples: 0
screening:
  duplicates: forbid
gates: {}
`),
    ).toEqual([
      "line 2: models.tiny: there is no option 'prcision'. Did you mean 'precision'?",
      "line 4: limits.examples '0' must be a whole number of at least 1",
      "line 6: screening.duplicates 'forbid' must be one of ignore, warn, drop, refuse",
      "line 7: there is no option 'gates'. Did you mean 'gate'?",
    ]);
  });

  it.each<[string, string, readonly (string | RegExp)[]]>([
    ['no model', 'models: {}', ['line 1: models is empty: name at least one model']],
    [
      'a model that is not there',
      'models: {a: {path: ./gone}}',
      [/^line 1: models\.a\.path: there is no \/.*\/gone$/],
    ],
    ['a model id', 'models: {"a/b": {path: o/n}}', [/must/]],
    ['no mapping', '- models', ["must be a mapping of options, such as 'models:'"]],
    ['no YAML', 'models: [', [/^line 1: no YAML/]],
    ['a key twice', `${models}\nlimits: {epochs: 3}\nlimits: {epochs: 4}`, [/'limits' is there twice/]],
    [
      'bounds',
      `${models}\nscreening: {perplexity_gap: {warn: 1, refuse: 0.5}}`,
      ['line 2: screening.perplexity_gap.refuse is 0.5, must be above warn, which is 1'],
    ],
    ['equal bounds', `${models}\nscreening: {perplexity_gap: {drop: 1, refuse: 1}}`, [/must be above drop/]],
    [
      'bounds of the gate',
      `${models}\ngate: {log_odds: {quarantine: 0.5, refuse: 0.2}}`,
      ['line 2: gate.log_odds.refuse is 0.2, must be above quarantine, which is 0.5'],
    ],
    [
      'defaults above limits',
      `${models}\ntraining: {epochs: 4, rank: 128}\nlimits: {epochs: 3}`,
      [
        'line 2: training.rank is 128, more than limits.rank, which is 64',
        'line 2: training.epochs is 4, more than limits.epochs, which is 3',
      ],
    ],
    [
      'a judge',
      `${models}\ngate: {questions: {judge: {base_url: "file:///etc", model: m}}}`,
      [/base_url must be an address/],
    ],
    [
      'a suite',
      `${models}\ngate: {questions: {suite: gone.yaml, judge: {base_url: "http://j", model: m}}}`,
      [/gate\.questions\.suite: there is no .*gone\.yaml/],
    ],
    [
      'files',
      `${models}\nscreening: {persona: {vectors: gone.safetensors}}`,
      [/screening\.persona\.vectors: there is no/],
    ],
  ])('is refused for %s', async (_name, text, expected) => {
    const problems = await problemsOf(text);
    expect(problems).toHaveLength(expected.length);
    for (const [index, one] of expected.entries()) {
      if (typeof one === 'string') expect(problems[index]).toBe(one);
      else expect(problems[index]).toMatch(one);
    }
  });
});

describe('its safeguards', () => {
  const mandatory = (...configs: string[]) =>
    `${models}\nsafeguards:\n  mandatory:\n${configs.map((one) => `    - ${one}\n`).join('')}`;
  const optional = (...configs: string[]) =>
    `${models}\nsafeguards:\n  mandatory:\n    - {type: kl, weight: 0.1, direction: reverse}\n  optional:\n${configs.map((one) => `    - ${one}\n`).join('')}`;

  it.each<[string, string, string | RegExp]>([
    [
      'an unknown type',
      mandatory('{type: kll}'),
      /^line 4: safeguards\.mandatory\.0\.type 'kll' must be one of kl,/,
    ],
    [
      'an unknown option',
      mandatory('{type: kl, wieght: 1}'),
      "line 4: safeguards.mandatory.0: there is no option 'wieght'. Did you mean 'weight'?",
    ],
    [
      'a weight below 0',
      mandatory('{type: kl}', '{type: ldifs, weight: -1}'),
      /^line 5: safeguards\.mandatory\.1: .*weight is -1/,
    ],
    ['a missing file', mandatory('{type: interleaving}'), /it needs a pool/],
    [
      'a missing module',
      mandatory('{type: ./gone.ts}'),
      /^line 4: safeguards\.mandatory\.0\.type: .*there is no such module/,
    ],
    [
      'one type twice',
      mandatory('{type: kl}', '{type: kl, weight: 2}'),
      "line 5: safeguards.mandatory.1: there is another 'kl'; of two of one type, each needs a name of its own",
    ],
    [
      'a pool that is not there',
      mandatory('{type: kl}', '{type: interleaving, pool: gone.jsonl}'),
      /^line 5: safeguards\.mandatory\.1\.pool: .*gone\.jsonl/,
    ],
    [
      'a pool without examples',
      mandatory('{type: interleaving, pool: policy.yaml}'),
      /^line 4: safeguards\.mandatory\.0\.pool: .*policy\.yaml/,
    ],
    [
      'a file that is not there',
      optional('{safeguard: {type: ewc, fisher: gone.safetensors}, up_to: 1}'),
      /^line 6: safeguards\.optional\.0\.safeguard\.fisher: there is no \/.*gone\.safetensors$/,
    ],
    [
      'a missing option that code may give as something else than a text',
      mandatory('{type: safe-lora, aligned: a}'),
      'safeguards.mandatory.0.base is missing: must be a text',
    ],
    [
      'an unknown option of a schedule, of which there are kinds',
      mandatory('{type: kl, weight: {from: 0, to: 1, zzzzzzzz: 5}}'),
      /no option 'zzzzzzzz'\. There are from, to, shape, target, gain\.$/,
    ],
    ['a strength of 0', mandatory('{type: kl, weight: 0}'), /'kl' has the strength 0/],
    [
      'steps between projections alone',
      mandatory('{type: salora, subspace: a, when: {every: 100}}'),
      /would never act in a run of fewer than 100 steps/,
    ],
    [
      'a pool that ends',
      mandatory('{type: interleaving, pool: safe.jsonl, on_pool_exhausted: stop}'),
      /would stop when its pool is used up/,
    ],
    [
      'an offer with a strength',
      optional('{safeguard: {type: ldifs, weight: 1}, up_to: 2}'),
      'line 6: safeguards.optional.0.safeguard: its strength is what the customer asks for; remove it here',
    ],
    [
      'an offer without an order',
      optional('{safeguard: {type: ptst}, up_to: 1}'),
      /'ptst' has no strength that a customer could choose/,
    ],
    [
      'an offer that is no more than what acts',
      optional('{safeguard: {type: kl}, up_to: 0.1}'),
      "line 6: safeguards.optional.0.up_to is 0.1, must be above 0.1, which the mandatory 'kl' has already",
    ],
    [
      'an offer of other options',
      optional('{safeguard: {type: kl, direction: forward}, up_to: 1}'),
      /here only its strength can be more, remove 'direction'/,
    ],
    [
      'an offer twice',
      optional('{safeguard: {type: ldifs}, up_to: 1}', '{safeguard: {type: ldifs}, up_to: 2}'),
      /^line 7: .*there is another 'ldifs'/,
    ],
    [
      'an offer up to what cannot be',
      optional('{safeguard: {type: parameter-averaging}, up_to: 2}'),
      /^line 6: safeguards\.optional\.0\.safeguard: .*decay is 2/,
    ],
    [
      'an offer above a schedule',
      `${models}\nsafeguards:\n  mandatory: [{type: kl, weight: {from: 0.1, to: 1}}]\n  optional: [{safeguard: {type: kl}, up_to: 2}]`,
      /has no number for its strength/,
    ],
    [
      'an offer above a vector that is pushed away from',
      `${models}\nsafeguards:\n  mandatory: [{type: persona-vector, vectors: {"1": [1, 0]}, layers: [1], alpha: -5}]\n  optional: [{safeguard: {type: persona-vector}, up_to: 2}]`,
      /has no number for its strength/,
    ],
  ])('are refused for %s', async (_name, text, expected) => {
    const problems = await problemsOf(text);
    expect(problems).toHaveLength(1);
    if (typeof expected === 'string') expect(problems[0]).toBe(expected);
    else expect(problems[0]).toMatch(expected);
  });

  it('may be offered: added, or stronger than what acts, of two by name', async () => {
    const { safeguards } = await policyOf(`safeguards:
  mandatory:
    - {type: kl, weight: 0.1}
    - {type: kl, name: kl-safe, weight: 1, only_tagged: interleaved}
  optional:
    - {safeguard: {type: kl}, up_to: 1}
    - {safeguard: {type: kl, name: kl-safe}, up_to: 5}
    - {safeguard: {type: lookahead}, up_to: 12}
`);
    expect(safeguards.optional).toHaveLength(3);
  });
});
