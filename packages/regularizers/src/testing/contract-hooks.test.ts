import type { ChatExample } from '@safetune/datasets';
import { type AdaptableModel, createLoraAdapter, type LoraAdapter } from '@safetune/lora';
import { add, constant, exp, hostArray, mean, multiply, stopGradient, sum } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import type { Regularizer } from '../index.ts';
import { checksOf, custom, failures } from './__fixtures__/failures.ts';
import { sampleAdapter } from './__fixtures__/sample-adapter.ts';

describe('digests of what is read', () => {
  const passing = { examples: (source: AsyncIterable<ChatExample>) => source };
  const eachFails = (contents: NonNullable<Regularizer['contents']>) =>
    failures(() => custom({ ...passing, contents }));

  it('that stay the same pass every check', async () => {
    expect(await eachFails(async () => ({ pool: 'abc' }))).toEqual([]);
  });

  it.each<[string, string, NonNullable<Regularizer['contents']>]>([
    ['differ each time', 'differ between two', async () => ({ pool: `${Math.random()}` })],
    ['are missing', 'are not texts', async () => ({ pool: undefined as unknown as string })],
  ])('that %s fail', async (_name, message, contents) => {
    const found = await eachFails(contents);
    expect(checksOf(found)).toEqual(['contents: are texts by name, the same when the same is read']);
    expect(found[0]!.message).toContain(message);
  });
});

describe('a change of the examples', () => {
  type Change = (source: AsyncIterable<ChatExample>) => AsyncIterable<ChatExample>;
  const eachFails = (examples: Change) => failures(() => custom({ examples }));

  it('that adds and marks passes every check', async () => {
    const found = await eachFails(async function* (source) {
      let count = 0;
      for await (const example of source) {
        yield { ...example, tags: [...(example.tags ?? []), 'seen'] };
        if (++count % 20 === 0) yield { messages: [{ role: 'assistant', content: `safe ${count}` }] };
      }
    });
    expect(found).toEqual([]);
  });

  it.each<[string, string, string, Change]>([
    [
      'loses one',
      'examples: loses no example, and leaves questions, answers and tags as they are',
      'example 0 of the source is lost',
      async function* (source) {
        let first = true;
        for await (const example of source) {
          if (!first) yield example;
          first = false;
        }
      },
    ],
    [
      'repeats one',
      'examples: loses no example, and leaves questions, answers and tags as they are',
      'comes 2 times',
      async function* (source) {
        for await (const example of source) {
          yield example;
          if (example.origin!.line === 7) yield example;
        }
      },
    ],
    [
      'drops tags',
      'examples: loses no example, and leaves questions, answers and tags as they are',
      "lost its tag 'sample'",
      async function* (source) {
        for await (const { messages } of source) yield { messages };
      },
    ],
    [
      'loses the worse answer of a pair',
      'examples: loses no example, and leaves questions, answers and tags as they are',
      'the worse answer of the pair that example 0 is was lost or changed',
      async function* (source) {
        for await (const { rejected: _, ...example } of source) yield example;
      },
    ],
    [
      'changes the prompt of one answer of a pair alone',
      'examples: loses no example, and leaves questions, answers and tags as they are',
      'the two answers of the pair that example 0 is answer different prompts',
      async function* (source) {
        for await (const example of source)
          yield { ...example, messages: [{ role: 'system', content: 'Be kind.' }, ...example.messages] };
      },
    ],
    [
      'writes into what it is given',
      'examples: does not change the examples it is given',
      'read only',
      async function* (source) {
        for await (const example of source) {
          (example.messages[0] as { role: string }).role = example.messages[0]!.role;
          yield example;
        }
      },
    ],
    [
      'reads everything first',
      'examples: streams: works on a source without end',
      'it does not stream',
      async function* (source) {
        const all: ChatExample[] = [];
        for await (const example of source) all.push(example);
        yield* all;
      },
    ],
  ])('that %s fails the fitting check', async (_name, check, message, examples) => {
    const found = await eachFails(examples);
    expect(checksOf(found)).toEqual([check]);
    expect(found[0]!.message).toContain(message);
  });

  it('that makes messages longer passes when it says so, and where it may', async () => {
    const longer = (questionEnd: string, answerStart: string): Change =>
      async function* (source) {
        const change = (messages: ChatExample['messages']) =>
          messages.map((message) => {
            if (message.role === 'user') return { ...message, content: `${message.content}${questionEnd}` };
            return message.role === 'assistant'
              ? { ...message, content: `${answerStart}${message.content}` }
              : message;
          });
        for await (const example of source) {
          const { messages, rejected } = example;
          yield { ...example, messages: change(messages), ...(rejected && { rejected: change(rejected) }) };
        }
      };
    const say = (examples: Change) => failures(() => custom({ examples }), { extendsMessages: true });
    expect(await say(longer(' Begin with: Well.', 'Well. '))).toEqual([]);
    expect((await eachFails(longer(' Begin with: Well.', '')))[0]!.message).toContain('example 0');
    const replaced: Change = async function* (source) {
      for await (const example of source)
        yield { ...example, messages: example.messages.map((message) => ({ ...message, content: 'Well.' })) };
    };
    expect((await say(replaced))[0]!.message).toContain('its question or answer was changed');
  });

  it('that depends on what was read before fails the fitting check', async () => {
    let reads = 0;
    const found = await eachFails(async function* (source) {
      const label = `read ${++reads}`;
      for await (const example of source) yield { ...example, tags: [...(example.tags ?? []), label] };
    });
    expect(checksOf(found)).toEqual(['examples: gives the same examples in the same order every time']);
  });
});

describe('adapters that stay frozen in the forward pass', () => {
  const layers = [{ name: 'model.layers.0.up_proj', inFeatures: 4, outFeatures: 6 }];
  const adapted: AdaptableModel = {
    linearLayers: layers,
    embeddingLayer: { name: 'model.embed_tokens', vocabularySize: 11, hiddenSize: 4 },
    outputLayer: { name: 'lm_head', inFeatures: 4, outFeatures: 11 },
    weights: new Map(),
  };
  const trained = (value: (index: number) => number, from = layers) => {
    const adapter = createLoraAdapter(from, { r: 2, target_modules: ['up_proj'] });
    adapter.parameters.forEach((_, index) => {
      adapter.parameters[index] = value(index);
    });
    return adapter;
  };
  type Opened = ReturnType<NonNullable<Regularizer['frozenAdapters']>>;
  const eachFails = (frozenAdapters: () => Opened) => failures(() => custom({ frozenAdapters }), { adapted });

  it('that are the same each time pass every check', async () => {
    expect(await eachFails(() => [trained(Math.sin)])).toEqual([]);
  });

  const changes = 'frozenAdapters: gives adapters of the model, each of which changes a layer';
  const other = [{ name: 'model.layers.1.up_proj', inFeatures: 4, outFeatures: 6 }];
  it.each<[string, string, string, () => Opened]>([
    ['are none', changes, 'must be a list of adapters', () => []],
    ['are not adapters', changes, 'must be a LoraAdapter', () => [{}] as never],
    [
      'were never trained',
      changes,
      'adapter 0 changes no layer',
      () => [createLoraAdapter(layers, { r: 2, target_modules: ['up_proj'] })],
    ],
    ['are of another model', changes, 'is the adapter of another model?', () => [trained(Math.sin, other)]],
    [
      'are not finite',
      'frozenAdapters: gives finite values',
      'adapter 0 has values that are not finite',
      () => [trained((index) => (index === 3 ? Number.NaN : 1))],
    ],
    [
      'are drawn anew',
      'frozenAdapters: gives the same adapters every time',
      'gives another adapter 0',
      () => [trained(() => Math.random())],
    ],
  ])('that %s fail the fitting check', async (_name, failing, message, frozenAdapters) => {
    const found = await eachFails(frozenAdapters);
    expect(checksOf(found)).toContain(failing);
    expect(found.find(({ check }) => check === failing)!.message).toContain(message);
  });

  it('need a model to be opened for', async () => {
    const found = await failures(() => custom({ frozenAdapters: () => [trained(Math.sin)] }));
    expect(found[0]!.message).toContain('options.adapted');
  });
});

describe('an edit of the residual stream', () => {
  const vector = constant(
    hostArray(
      Float32Array.from({ length: 8 }, (_, index) => index - 3),
      [8],
    ),
  );

  it('that adds a vector at one layer passes every check', async () => {
    expect(
      await failures(() => custom({ hidden: (state, layer) => (layer === 3 ? add(state, vector) : state) })),
    ).toEqual([]);
  });

  it.each<[string, string, string, NonNullable<Regularizer['hidden']>]>([
    [
      'does nothing',
      'hidden: keeps shape and type of the states, and edits at least one layer',
      'leaves the states',
      (state) => state,
    ],
    [
      'cuts the gradient',
      'hidden: lets the gradient through',
      'no gradient reaches',
      (state) => add(stopGradient(state), vector),
    ],
    [
      'looks at padding',
      'hidden: edits real tokens whatever is at padding',
      'depends on padding',
      (state) => add(state, mean(state, { axes: 1, keepDims: true })),
    ],
    [
      'overflows',
      'hidden: stays finite under fp16-sized extremes',
      'are not finite',
      (state) => add(state, exp(multiply(state, 0.01))),
    ],
  ])('that %s fails the fitting check', async (_name, check, message, hidden) => {
    const found = await failures(() => custom({ hidden }));
    expect(checksOf(found)).toEqual([check]);
    expect(found[0]!.message).toContain(message);
  });

  it('that lists other layers than it edits fails the fitting check', async () => {
    const hidden: NonNullable<Regularizer['hidden']> = (state, layer) =>
      layer === 3 ? add(state, vector) : state;
    const promise = 'hidden: edits the layers it lists as edited, and no others';
    expect(await failures(() => custom({ hidden, editedLayers: [3] }))).toEqual([]);
    const tooFew = await failures(() => custom({ hidden, editedLayers: [2, 3] }));
    expect(checksOf(tooFew)).toEqual([promise]);
    expect(tooFew[0]!.message).toContain('lists layer 2 in editedLayers but does not edit it');
    const silent = await failures(() => custom({ hidden: (state) => add(state, vector), editedLayers: [3] }));
    expect(silent[0]!.message).toContain('edits layer 0, which its editedLayers do not list');
  });

  it('that changes the shape fails every check with the reason', async () => {
    const found = await failures(() => custom({ hidden: (state) => sum(state, { axes: 2 }) }));
    expect(found[0]!.message).toContain('turns the states of layer 0 from');
  });
});

describe('a change of the adapter', () => {
  const factors: Readonly<Record<string, number>> = {
    'model.down_proj': 0.5,
    'model.up_proj': 0.1,
    'model.out_proj': 1,
  };
  const scale = (module: LoraAdapter['modules'][number], factor: number) => {
    const values = module.b.data as Float32Array;
    values.forEach((value, index) => {
      values[index] = value * factor;
    });
  };

  it('by module name passes every check', async () => {
    const make = () =>
      custom({
        afterStep: (given) => {
          for (const module of given.modules) scale(module, factors[module.name]!);
        },
      });
    expect(await failures(make, { adapter: sampleAdapter })).toEqual([]);
  });

  it('by the order of the modules fails the fitting check', async () => {
    const inOrder = Object.values(factors);
    const make = () =>
      custom({
        afterTraining: (given) => {
          for (const [index, module] of given.modules.entries()) scale(module, inOrder[index]!);
        },
      });
    const found = await failures(make, { adapter: sampleAdapter });
    expect(checksOf(found)).toEqual(['adapter: acts on modules by name, whatever their order']);
    expect(found[0]!.message).toContain('it matches them by their place');
  });

  it('that finds no module, gives NaN, or acts by chance fails the fitting check', async () => {
    const idle = () => custom({ afterTraining: () => {} });
    expect(checksOf(await failures(idle, { adapter: sampleAdapter }))).toEqual([
      'adapter: changes the adapter it is given',
    ]);
    const divides = () =>
      custom({
        afterTraining: (given) => {
          for (const module of given.modules) scale(module, 1 / Math.max(...(module.b.data as Float32Array)));
        },
      });
    expect(checksOf(await failures(divides, { adapter: sampleAdapter }))).toEqual([
      'adapter: leaves finite values, also of an adapter that has not trained yet',
    ]);
    const chance = () => custom({ afterTraining: (given) => scale(given.modules[0]!, Math.random()) });
    expect(checksOf(await failures(chance, { adapter: sampleAdapter }))).toContain(
      'adapter: is deterministic',
    );
  });

  it('that is begun before training fails the fitting check, one that only gets ready passes', async () => {
    const afterStep: NonNullable<Regularizer['afterStep']> = (given) => {
      for (const module of given.modules) scale(module, 0.5);
    };
    const ready = () => {
      let modules = 0;
      return custom({
        beforeTraining: (given) => {
          modules = given.modules.length;
        },
        afterStep: (given) => {
          if (modules !== given.modules.length) throw new Error('was not made ready');
          afterStep(given, 1);
        },
      });
    };
    expect(await failures(ready, { adapter: sampleAdapter })).toEqual([]);
    const early = () => custom({ beforeTraining: (given) => afterStep(given, 1), afterStep });
    const found = await failures(early, { adapter: sampleAdapter });
    expect(checksOf(found)).toEqual([
      'beforeTraining: leaves the adapter as it is, also when a run resumes and calls it again',
    ]);
    expect(found[0]!.message).toContain('its first call changes the adapter');
    const idle = await failures(() => custom({ beforeTraining: () => {} }), { adapter: sampleAdapter });
    expect(checksOf(idle)).toEqual(['has a name and at least one hook, and no member that no trainer calls']);
  });

  it('without an adapter to work on says so', async () => {
    const found = await failures(() => custom({ afterTraining: () => {} }));
    expect(found[0]!.message).toContain('options.adapter');
  });
});
