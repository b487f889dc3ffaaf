import { readRun } from '@safetune/trainer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiError } from '../errors.ts';
import { policyOf, removePolicyFolders, safeExamples, tinyCheckpoint } from './__fixtures__/policy-folder.ts';
import { jobRequestSchema } from './job-request.ts';
import { planJob } from './plan-job.ts';
import type { Policy } from './policy-schema.ts';

afterAll(removePolicyFolders);

const text = `limits: {epochs: 5, batch_size: 24, learning_rate_multiplier: 4, examples: 100}
training: {rank: 4, learning_rate: 0.001, epochs: 2, batch_size: 6, max_length: 64, checkpoint_every: 5}
safeguards:
  mandatory:
    - {type: interleaving, pool: safe.jsonl, share: 0.1}
    - {type: kl, weight: 0.1}
    - {type: ./mine.mjs, weight: 3}
  optional:
    - {safeguard: {type: kl}, up_to: 1}
    - {safeguard: {type: ldifs}, up_to: 0.5}
    - {safeguard: {type: lookahead}, up_to: 8}
`;
const files = {
  'mine.mjs':
    'export default ({ weight }) => ({ name: "provider-own", config: {}, weight, examples: (source) => source });',
};

let policy: Policy;
beforeAll(async () => {
  policy = await policyOf(text, files);
});

const plan = (request: object, exampleCount?: number) =>
  planJob(
    policy,
    jobRequestSchema.parse({ model: 'tiny', training_file: 'file-1', ...request }),
    exampleCount === undefined ? {} : { exampleCount },
  );

function refusal(request: object, exampleCount?: number): ApiError {
  try {
    plan(request, exampleCount);
  } catch (error) {
    if (ApiError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

const mandatory = [
  { type: 'interleaving', strength: 0.1, by: 'policy' },
  { type: 'kl', strength: 0.1, by: 'policy' },
  { type: 'provider-own', strength: 3, by: 'policy' },
];

describe('a plan', () => {
  it('is the policy where nothing is asked for', async () => {
    const made = plan({ seed: 7 });
    expect(made).toMatchObject({
      policySha256: policy.sha256,
      method: 'supervised',
      seed: 7,
      hyperparameters: { n_epochs: 2, batch_size: 6, learning_rate_multiplier: 1 },
      safeguards: mandatory,
    });
    expect(made.run).toEqual({
      model: tinyCheckpoint,
      precision: 'float32',
      regularizers: policy.safeguards.mandatory,
      adapter: { r: 4, base_model_name_or_path: 'tiny' },
      epochs: 2,
      batch_size: 6,
      gradient_accumulation: 1,
      learning_rate: 0.001,
      max_length: 64,
      seed: 7,
      checkpoint_every: 5,
    });
    const given = Object.entries({ ...made.run, data: 'x.jsonl' }).map(([name, value]) => ({
      path: [name],
      value,
      name,
    }));
    expect((await readRun({ given })).run.regularizers).toEqual(policy.safeguards.mandatory);
  });

  it('takes hyperparameters of either place, and puts a large batch through in parts', () => {
    const asked = { n_epochs: 5, batch_size: 24, learning_rate_multiplier: 4 };
    const places = [
      { hyperparameters: asked },
      { method: { type: 'supervised', supervised: { hyperparameters: asked } } },
      { method: { type: 'supervised' }, hyperparameters: asked },
    ];
    for (const place of places) {
      expect(plan(place).hyperparameters).toEqual(asked);
      expect(plan(place).run).toMatchObject({
        epochs: 5,
        batch_size: 8,
        gradient_accumulation: 3,
        learning_rate: 0.004,
      });
    }
  });

  it('learns from pairs where that is asked for', async () => {
    const ofPairs = await policyOf('safeguards: {mandatory: [{type: kl, weight: 0.1}]}');
    const planned = (dpo: object) =>
      planJob(
        ofPairs,
        jobRequestSchema.parse({ model: 'tiny', training_file: 'file-1', method: { type: 'dpo', ...dpo } }),
      );
    expect(planned({ dpo: { hyperparameters: { beta: 0.3 } } })).toMatchObject({
      method: 'dpo',
      hyperparameters: { beta: 0.3 },
      run: { objective: { type: 'dpo', beta: 0.3 } },
      safeguards: [{ type: 'kl', strength: 0.1, by: 'policy' }],
    });
    expect(planned({}).hyperparameters.beta).toBe(0.1);
  });

  it('strengthens what acts, in its place, and adds what is offered behind', () => {
    const made = plan({
      safeguards: [
        { type: 'lookahead', strength: 3 },
        { type: 'kl', strength: 0.5 },
      ],
    });
    expect(made.safeguards).toEqual([
      mandatory[0],
      { type: 'kl', strength: 0.5, by: 'strengthened' },
      mandatory[2],
      { type: 'lookahead', strength: 3, by: 'customer' },
    ]);
    expect(made.run.regularizers?.slice(1)).toEqual([
      { type: 'kl', weight: 0.5 },
      policy.safeguards.mandatory[2],
      { type: 'lookahead', tokens: 3 },
    ]);
    expect(plan({ safeguards: [{ type: 'kl', strength: 0.1 }] }).safeguards).toEqual(mandatory);
  });

  it('has nothing of metadata, suffix, file names or the request in what is run', () => {
    const metadata = {
      n_epochs: '1',
      safeguards: '[]',
      learning_rate: '0',
      regularizers: 'none',
      __proto__: 'x',
    };
    const request = {
      seed: 1,
      training_file: 'safeguards',
      validation_file: '../policy.yaml',
      suffix: 'no-safeguards',
    };
    expect(plan({ ...request, metadata })).toEqual(plan({ seed: 1 }));
  });
});

describe('going round the policy', () => {
  const supervised = (hyperparameters: object) => ({
    method: { type: 'supervised', supervised: { hyperparameters } },
  });
  it.each<[string, object, string, string]>([
    [
      'a rate of next to nothing',
      supervised({ learning_rate_multiplier: 1e-300 }),
      'method.supervised.hyperparameters.learning_rate_multiplier',
      'at least 0.001',
    ],
    [
      'a huge rate',
      supervised({ learning_rate_multiplier: 4.0001 }),
      'method.supervised.hyperparameters.learning_rate_multiplier',
      'at most 4',
    ],
    ['many epochs', { hyperparameters: { n_epochs: 6 } }, 'hyperparameters.n_epochs', 'at most 5'],
    [
      'a large batch',
      supervised({ batch_size: 1e9 }),
      'method.supervised.hyperparameters.batch_size',
      'at most 24',
    ],
    [
      'two answers to one question',
      { ...supervised({ n_epochs: 1 }), hyperparameters: { n_epochs: 2 } },
      'hyperparameters.n_epochs',
      'give one',
    ],
    [
      'beta of next to nothing',
      { method: { type: 'dpo', dpo: { hyperparameters: { beta: 1e-9 } } } },
      'method.dpo.hyperparameters.beta',
      'at least 0.01',
    ],
    [
      'a weaker safeguard',
      { safeguards: [{ type: 'kl', strength: 0.09 }] },
      'safeguards[0].strength',
      'is weaker',
    ],
    [
      'a safeguard that drowns the task',
      { safeguards: [{ type: 'kl', strength: 1.1 }] },
      'safeguards[0].strength',
      'at most 1',
    ],
    [
      'one type twice, so that the last counts',
      {
        safeguards: [
          { type: 'kl', strength: 0.5 },
          { type: 'kl', strength: 0.1 },
        ],
      },
      'safeguards[1].type',
      'asked for twice',
    ],
    [
      'a mandatory one that is not offered',
      { safeguards: [{ type: 'interleaving', strength: 0.2 }] },
      'safeguards[0].type',
      'cannot be changed',
    ],
    [
      'one that is not offered',
      { safeguards: [{ type: 'ptst', strength: 1 }] },
      'safeguards[0].type',
      "there is no safeguard 'ptst'",
    ],
    [
      'a strength that its kind refuses',
      { safeguards: [{ type: 'lookahead', strength: 1.5 }] },
      'safeguards[0].strength',
      'positive integer',
    ],
    [
      'the key of a prototype',
      { safeguards: [{ type: '__proto__', strength: 1 }] },
      'safeguards[0].type',
      'there is no safeguard',
    ],
    [
      'the key of a function',
      { safeguards: [{ type: 'constructor', strength: 1 }] },
      'safeguards[0].type',
      'there is no safeguard',
    ],
    [
      'a module',
      { safeguards: [{ type: './mine.mjs', strength: 1 }] },
      'safeguards[0].type',
      'there is no safeguard',
    ],
    [
      "the provider's module by its name",
      { safeguards: [{ type: 'provider-own', strength: 1 }] },
      'safeguards[0].type',
      'cannot be changed',
    ],
    [
      'another case',
      { safeguards: [{ type: 'KL', strength: 0.01 }] },
      'safeguards[0].type',
      'there is no safeguard',
    ],
    [
      'letters that look alike',
      { safeguards: [{ type: '\u212Al', strength: 0.01 }] },
      'safeguards[0].type',
      'there is no safeguard',
    ],
    [
      'blanks',
      { safeguards: [{ type: 'kl ', strength: 0.01 }] },
      'safeguards[0].type',
      'there is no safeguard',
    ],
    [
      'control characters',
      { safeguards: [{ type: 'kl\u001b[2J', strength: 1 }] },
      'safeguards[0].type',
      'there is no safeguard',
    ],
    ['a path as model', { model: tinyCheckpoint }, 'model', 'there is no model'],
    ['the key of a prototype as model', { model: 'constructor' }, 'model', 'there is no model'],
    ['a fine-tuned model', { model: 'ft:tiny:other::abc' }, 'model', 'only base models'],
  ])('%s is refused', (_name, request, param, message) => {
    const error = refusal(request);
    expect(error.param).toBe(param);
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('\u001b');
    expect(error.status).toBe(param === 'model' && message !== 'only base models' ? 404 : 400);
  });

  it.each<[string, object]>([
    ['an option of a safeguard', { safeguards: [{ type: 'kl', strength: 0.5, onlyTagged: 'none' }] }],
    ['a name', { safeguards: [{ type: 'kl', strength: 0.5, name: 'x' }] }],
    ['a strength of 0', { safeguards: [{ type: 'kl', strength: 0 }] }],
    ['a strength below 0', { safeguards: [{ type: 'kl', strength: -1 }] }],
    ['no number', { safeguards: [{ type: 'kl', strength: Number.NaN }] }],
    ['infinity', { safeguards: [{ type: 'kl', strength: Number.POSITIVE_INFINITY }] }],
    ['a schedule', { safeguards: [{ type: 'kl', strength: { from: 1, to: 0 } }] }],
    ['null', { safeguards: null }],
    ['fields of the run', { regularizers: [] }],
    ['a seed that is no number', { seed: '0' }],
    ['a suffix with a path', { suffix: '../../x' }],
    ['an epoch of none', { hyperparameters: { n_epochs: 0 } }],
    ['half an epoch', { hyperparameters: { n_epochs: 0.01 } }],
    ['other hyperparameters', { hyperparameters: { weight_decay: 100 } }],
  ])('%s is no request', (_name, request) => {
    expect(jobRequestSchema.safeParse({ model: 'tiny', training_file: 'file-1', ...request }).success).toBe(
      false,
    );
  });

  it('a file that is too short for a safeguard to act in, or too long, is refused', () => {
    const few = refusal({ hyperparameters: { n_epochs: 1 } }, 9);
    expect(few).toMatchObject({ param: 'training_file', code: 'invalid_training_file', status: 400 });
    expect(few.message).toBe(
      "9 examples in 1 epochs are too few for the safeguard 'interleaving', which acts on one of 10: give at least 10 examples",
    );
    expect(() => plan({ hyperparameters: { n_epochs: 2 } }, 5)).not.toThrow();
    expect(refusal({}, 101).message).toBe('the training file has 101 examples, must have at most 100');
  });

  it('pairs are refused where a safeguard acts on the loss of tokens, or the policy does not offer them', async () => {
    const request = jobRequestSchema.parse({ model: 'tiny', training_file: 'f', method: { type: 'dpo' } });
    const constrained = await policyOf('safeguards: {mandatory: [{type: constrained-sft}]}');
    expect(() => planJob(constrained, request)).toThrow("'constrained-sft' acts on the loss of tokens");
    const withoutPairs = await policyOf('training: {methods: [supervised]}');
    expect(() => planJob(withoutPairs, request)).toThrow('the method dpo is not offered');
  });

  it('a pool of conversations is refused for pairs, and one of pairs for conversations', async () => {
    const [question, better] = safeExamples[0]!.messages;
    const pair = {
      input: { messages: [question] },
      preferred_output: [better],
      non_preferred_output: [{ role: 'assistant', content: 'worse' }],
    };
    const withPool = (pool: string) =>
      policyOf(`safeguards: {mandatory: [{type: interleaving, pool: ${pool}}]}`, {
        'pairs.jsonl': JSON.stringify(pair),
      });
    const supervised = jobRequestSchema.parse({ model: 'tiny', training_file: 'f' });
    const pairs = { ...supervised, method: { type: 'dpo' as const } };
    const [chats, ofPairs] = [await withPool('safe.jsonl'), await withPool('pairs.jsonl')];
    expect(() => planJob(chats, jobRequestSchema.parse(pairs))).toThrow(
      "'interleaving' mixes conversations, not pairs of answers, into the data: method must be supervised",
    );
    expect(() => planJob(ofPairs, supervised)).toThrow(
      "'interleaving' mixes pairs of answers into the data: method must be dpo",
    );
    expect(planJob(chats, supervised).method).toBe('supervised');
    expect(planJob(ofPairs, jobRequestSchema.parse(pairs)).method).toBe('dpo');
  });

  it('a policy that is changed later changes no plan that was made', async () => {
    const before = plan({ seed: 3 });
    const kept = structuredClone(before);
    await policyOf('safeguards: {mandatory: []}');
    expect(before).toEqual(kept);
    expect(before.safeguards).toEqual(mandatory);
  });
});
