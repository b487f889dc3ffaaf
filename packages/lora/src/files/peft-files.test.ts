import { copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  contiguousData,
  FileWriteError,
  findTensor,
  type HostArray,
  hostArray,
  openSafetensors,
  readTensor,
  SafetensorsError,
  writeSafetensors,
} from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../conformance/python.ts';
import {
  goldenAdapter,
  goldenCheckpoint,
  linearLayersOf,
  namesIn,
  useTemporaryDirectory,
} from '../__fixtures__/folders.ts';
import { createLoraAdapter } from '../adapter/adapter.ts';
import type { LinearLayer } from '../adapter/linear.ts';
import {
  AdapterFileError,
  type AdapterFileProblem,
  NoTargetModulesError,
  UnsupportedLoraFeatureError,
} from '../errors.ts';
import { adapterConfigFile, adapterWeightsFile, loadLoraAdapter, saveLoraAdapter } from './peft-files.ts';

const temporaryDirectory = useTemporaryDirectory();

const layers: LinearLayer[] = [0, 1, 10].flatMap((block) => [
  { name: `model.layers.${block}.self_attn.q_proj`, inFeatures: 6, outFeatures: 4 },
  { name: `model.layers.${block}.self_attn.v_proj`, inFeatures: 6, outFeatures: 2 },
]);

/** An adapter with a B that is not zero. */
function trained(config = {}) {
  const adapter = createLoraAdapter(
    layers,
    { r: 2, target_modules: ['q_proj', 'v_proj'], ...config },
    { seed: 1 },
  );
  adapter.parameters.forEach((value, index) => {
    if (value === 0) adapter.parameters[index] = Math.cos(index);
  });
  return adapter;
}

async function savedTensors(directory: string): Promise<Record<string, HostArray>> {
  const file = await openSafetensors(join(directory, adapterWeightsFile));
  const arrays: Record<string, HostArray> = {};
  for (const name of file.tensors.keys()) arrays[name] = await readTensor(findTensor(file, name));
  return arrays;
}

async function changeConfig(directory: string, change: Record<string, unknown>): Promise<void> {
  const path = join(directory, adapterConfigFile);
  const json = JSON.parse(await readFile(path, 'utf8')) as object;
  await writeFile(path, JSON.stringify({ ...json, ...change }));
}

describe('an adapter saved by PEFT', () => {
  it.each([
    ['qwen2-rslora-all-projections', 'qwen2-tied-bfloat16', 4, 8 / Math.sqrt(4)],
    ['llama-lora-query-value', 'llama-untied-float32', 2, 8 / 2],
  ] as const)('%s loads, value by value', async (name, checkpoint, rank, scale) => {
    const adapter = await loadLoraAdapter(goldenAdapter(name), {
      layers: await linearLayersOf(goldenCheckpoint(checkpoint)),
    });
    expect(adapter.config.r).toBe(rank);
    expect(adapter.modules.every((module) => module.rank === rank && module.scale === scale)).toBe(true);
    const stored = await savedTensors(goldenAdapter(name));
    expect(
      Object.keys(adapter.tensors)
        .map((key) => `base_model.model.${key}`)
        .sort(),
    ).toEqual(Object.keys(stored).sort());
    for (const [key, array] of Object.entries(adapter.tensors)) {
      const expected = stored[`base_model.model.${key}`]!;
      expect(array.shape).toEqual(expected.shape);
      expect(contiguousData(array)).toEqual(contiguousData(expected));
    }
  });

  it('loads without a model as well, in the natural order of the names', async () => {
    await saveLoraAdapter(temporaryDirectory(), trained());
    const adapter = await loadLoraAdapter(temporaryDirectory());
    expect(adapter.modules.map(({ name }) => name)).toEqual(layers.map(({ name }) => name));
    expect(adapter.parameters).toEqual(trained().parameters);
  });
});

describe('saveLoraAdapter', () => {
  it('writes what loads as the same adapter', async () => {
    const adapter = trained({
      lora_alpha: 3.5,
      rank_pattern: { 'layers.1.self_attn.q_proj': 1 },
      alpha_pattern: { v_proj: 7 },
      exclude_modules: ['10.self_attn.v_proj'],
      layers_to_transform: [0, 1, 10],
      layers_pattern: 'layers',
      base_model_name_or_path: 'someone/model',
    });
    const directory = join(temporaryDirectory(), 'new', 'folder');
    await saveLoraAdapter(directory, adapter);
    expect(await namesIn(directory)).toEqual([adapterConfigFile, adapterWeightsFile]);
    const loaded = await loadLoraAdapter(directory, { layers });
    expect({ ...loaded.config, other_fields: {} }).toEqual(adapter.config);
    expect(loaded.modules).toEqual(adapter.modules);
    expect(loaded.parameters).toEqual(adapter.parameters);
  });

  it('writes these keys and no others', async () => {
    await saveLoraAdapter(temporaryDirectory(), trained());
    const config = JSON.parse(
      await readFile(join(temporaryDirectory(), adapterConfigFile), 'utf8'),
    ) as object;
    expect(config).toEqual({
      alpha_pattern: {},
      auto_mapping: null,
      base_model_name_or_path: null,
      bias: 'none',
      fan_in_fan_out: false,
      inference_mode: true,
      init_lora_weights: true,
      layers_pattern: null,
      layers_to_transform: null,
      lora_alpha: 64,
      lora_dropout: 0,
      modules_to_save: null,
      peft_type: 'LORA',
      r: 2,
      rank_pattern: {},
      revision: null,
      target_modules: ['q_proj', 'v_proj'],
      task_type: 'CAUSAL_LM',
      use_dora: false,
      use_rslora: true,
    });
    const { tensors, metadata } = await openSafetensors(join(temporaryDirectory(), adapterWeightsFile));
    expect(metadata).toEqual({ format: 'pt' });
    expect([...tensors.keys()].sort()[0]).toBe(
      'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight',
    );
    expect(tensors.size).toBe(12);
  });

  it.each(['float16', 'bfloat16'] as const)(
    'rounds to %s when asked, and reads it back as float32',
    async (dtype) => {
      const adapter = trained();
      await saveLoraAdapter(temporaryDirectory(), adapter, { dtype });
      const loaded = await loadLoraAdapter(temporaryDirectory(), { layers });
      expect(loaded.parameters).toBeInstanceOf(Float32Array);
      expect(loaded.parameters).not.toEqual(adapter.parameters);
      const precision = dtype === 'float16' ? 2 ** -11 : 2 ** -8;
      loaded.parameters.forEach((value, index) => {
        const exact = adapter.parameters[index]!;
        expect(Math.abs(value - exact)).toBeLessThanOrEqual(Math.abs(exact) * precision + 1e-7);
      });
    },
  );

  it('leaves the adapter that is there as it was when writing fails', async () => {
    const directory = temporaryDirectory();
    await saveLoraAdapter(directory, trained());
    const before = await readFile(join(directory, adapterConfigFile), 'utf8');
    const huge = trained({ lora_alpha: 1 });
    huge.parameters[3] = 1e30;
    await expect(saveLoraAdapter(directory, huge, { dtype: 'float16' })).rejects.toThrow(
      'too large for float16',
    );
    expect(await namesIn(directory)).toEqual([adapterConfigFile, adapterWeightsFile]);
    expect(await readFile(join(directory, adapterConfigFile), 'utf8')).toBe(before);
    expect((await loadLoraAdapter(directory, { layers })).parameters).toEqual(trained().parameters);
  });

  it('says so when the folder cannot be made', async () => {
    const file = join(temporaryDirectory(), 'file');
    await writeFile(file, '');
    await expect(saveLoraAdapter(join(file, 'adapter'), trained())).rejects.toSatisfy(
      FileWriteError.isInstance,
    );
  });
});

describe('loadLoraAdapter', () => {
  it("accepts tensor names with the adapter's own name in them", async () => {
    const directory = temporaryDirectory();
    await saveLoraAdapter(directory, trained());
    const renamed = Object.entries(await savedTensors(directory)).map(([name, array]) => [
      name.replace(/\.weight$/, '.default.weight'),
      array,
    ]);
    await writeSafetensors(join(directory, adapterWeightsFile), Object.fromEntries(renamed));
    expect((await loadLoraAdapter(directory, { layers })).parameters).toEqual(trained().parameters);
  });

  it("accepts another library's adapter: dropout, and target_modules of which some fit nothing", async () => {
    await saveLoraAdapter(temporaryDirectory(), trained());
    await changeConfig(temporaryDirectory(), {
      lora_dropout: 0.05,
      target_modules: ['q_proj', 'v_proj', 'c_attn'],
    });
    const { config } = await loadLoraAdapter(temporaryDirectory(), { layers });
    expect(config).toMatchObject({ lora_dropout: 0.05, target_modules: ['q_proj', 'v_proj', 'c_attn'] });
  });

  const prefix = 'base_model.model.model.layers';
  const a = `${prefix}.0.self_attn.q_proj.lora_A.weight`;
  type Change = (tensors: Record<string, HostArray>) => void;
  it.each<[AdapterFileProblem, string[], string, Change]>([
    ['missing-tensor', [a], 'missing tensors', (tensors) => delete tensors[a]],
    [
      'unexpected-tensor',
      [`${prefix}.0.self_attn.q_proj.lora_magnitude_vector`],
      'no factors of a LoRA adapter',
      (tensors) => {
        tensors[`${prefix}.0.self_attn.q_proj.lora_magnitude_vector`] = tensors[a]!;
      },
    ],
    [
      'unknown-module',
      ['model.layers.0.self_attn.k_proj', 'lm_head'],
      'modules that the model does not have',
      (tensors) => {
        tensors[`${prefix}.0.self_attn.k_proj.lora_A.weight`] = tensors[a]!;
        tensors['base_model.model.lm_head.lora_A.weight'] = tensors[a]!;
      },
    ],
    [
      'duplicate-tensor',
      [a.replace('.weight', '.other.weight'), a],
      'one factor twice',
      (tensors) => {
        tensors[a.replace('.weight', '.other.weight')] = tensors[a]!;
      },
    ],
    [
      'shape',
      [a],
      'tensor has shape [3, 6], rank and layer need [2, 6]',
      (tensors) => {
        tensors[a] = hostArray(new Float32Array(18), [3, 6]);
      },
    ],
    [
      'shape',
      [`${a} [12]`],
      'a factor must be a matrix',
      (tensors) => {
        tensors[a] = hostArray(new Float32Array(12), [12]);
      },
    ],
    [
      'dtype',
      [a],
      'not stored as F32, F16 or BF16',
      (tensors) => {
        tensors[a] = hostArray(new Int8Array(12), [2, 6]);
      },
    ],
    [
      'not-finite',
      [a],
      'NaN or infinite',
      (tensors) => {
        (tensors[a]!.data as Float32Array)[4] = Number.NaN;
      },
    ],
  ])('refuses tensors that do not fit: %s %j', async (problem, names, message, change) => {
    const directory = temporaryDirectory();
    await saveLoraAdapter(directory, trained());
    const tensors = await savedTensors(directory);
    change(tensors);
    await writeSafetensors(join(directory, adapterWeightsFile), tensors);
    const error: unknown = await loadLoraAdapter(directory, { layers }).catch((caught: unknown) => caught);
    if (!AdapterFileError.isInstance(error)) throw error;
    expect(error.problem).toBe(problem);
    expect([...error.names].sort()).toEqual(names.sort());
    expect(error.file).toBe(join(directory, adapterWeightsFile));
    expect(error.message).toContain(message);
  });

  it('refuses factors of modules that the configuration leaves out', async () => {
    await saveLoraAdapter(temporaryDirectory(), trained());
    await changeConfig(temporaryDirectory(), { target_modules: ['q_proj'] });
    const loading = loadLoraAdapter(temporaryDirectory(), { layers });
    await expect(loading).rejects.toMatchObject({ problem: 'unexpected-tensor' });
  });

  it('refuses an adapter for another model: other names, other widths', async () => {
    await saveLoraAdapter(temporaryDirectory(), trained());
    const wider = layers.map((layer) => ({ ...layer, inFeatures: 7 }));
    await expect(loadLoraAdapter(temporaryDirectory(), { layers: wider })).rejects.toMatchObject({
      problem: 'shape',
    });
    await expect(loadLoraAdapter(temporaryDirectory(), { layers: layers.slice(0, 2) })).rejects.toMatchObject(
      {
        problem: 'unknown-module',
      },
    );
    await changeConfig(temporaryDirectory(), { target_modules: ['c_attn'] });
    await expect(loadLoraAdapter(temporaryDirectory(), { layers })).rejects.toSatisfy(
      NoTargetModulesError.isInstance,
    );
  });

  it('refuses configurations it cannot honour', async () => {
    await saveLoraAdapter(temporaryDirectory(), trained());
    await changeConfig(temporaryDirectory(), { use_qalora: true });
    const loading = loadLoraAdapter(temporaryDirectory(), { layers });
    await expect(loading).rejects.toSatisfy(UnsupportedLoraFeatureError.isInstance);
    await writeFile(join(temporaryDirectory(), adapterConfigFile), '{');
    await expect(loadLoraAdapter(temporaryDirectory())).rejects.toMatchObject({ problem: 'json' });
  });

  it.skipIf(process.platform === 'win32')('reads no file through a link out of the folder', async () => {
    const folder = temporaryDirectory();
    const secret = join(folder, 'secret');
    await writeFile(secret, 'hunter2');
    const linked = join(folder, 'linked');
    await mkdir(linked);
    await symlink(secret, join(linked, adapterConfigFile));
    const error: unknown = await loadLoraAdapter(linked).catch((thrown: unknown) => thrown);
    if (!AdapterFileError.isInstance(error)) throw error;
    expect(error.problem).toBe('refused');
    expect(error.message).not.toContain('hunter2');
    await saveLoraAdapter(join(folder, 'own'), trained());
    await rm(join(linked, adapterConfigFile));
    await copyFile(join(folder, 'own', adapterConfigFile), join(linked, adapterConfigFile));
    await symlink(join(folder, 'own', adapterWeightsFile), join(linked, adapterWeightsFile));
    await expect(loadLoraAdapter(linked)).rejects.toMatchObject({
      name: 'SafetensorsError',
      problem: 'refused',
    });
  });

  it('takes no number of a block that no model has so many of', async () => {
    const directory = temporaryDirectory();
    const module = 'model.layers.4000000000.self_attn.q_proj';
    const layer = { name: module, inFeatures: 6, outFeatures: 4 };
    await saveLoraAdapter(directory, createLoraAdapter([layer], { r: 2, target_modules: ['q_proj'] }));
    await expect(loadLoraAdapter(directory)).rejects.toMatchObject({ problem: 'unknown-module' });
  });

  it('knows a model, a name of the hub and a file for what they are', async () => {
    await writeFile(join(temporaryDirectory(), 'config.json'), '{}');
    await expect(loadLoraAdapter(temporaryDirectory())).rejects.toThrow(/a model, not an adapter/);
    await expect(loadLoraAdapter('no-such-org/no-such-adapter')).rejects.toThrow(/hf download/);
    await expect(loadLoraAdapter(join(temporaryDirectory(), 'config.json'))).rejects.toThrow(/is a file/);
  });

  it('says which file is missing or damaged', async () => {
    const directory = temporaryDirectory();
    await expect(loadLoraAdapter(directory)).rejects.toMatchObject({
      problem: 'missing',
      file: join(directory, adapterConfigFile),
    });
    await saveLoraAdapter(directory, trained());
    const weights = join(directory, adapterWeightsFile);
    const bytes = await readFile(weights);
    await writeFile(weights, bytes.subarray(0, bytes.length - 9));
    await expect(loadLoraAdapter(directory)).rejects.toSatisfy(SafetensorsError.isInstance);
    await rm(weights);
    await expect(loadLoraAdapter(directory)).rejects.toMatchObject({ problem: 'missing', file: weights });
    await mkdir(join(directory, 'adapter_model.bin'));
    await expect(loadLoraAdapter(directory)).rejects.toThrow('convert adapter_model.bin to safetensors');
  });
});

const python = pythonWith();
describe.skipIf(python === undefined)('live, against Python peft (skipped: no Python with peft)', () => {
  const inputIds = JSON.stringify([
    [5, 9, 2, 7],
    [3, 1],
  ]);
  const logitsOf = async (model: string, adapter: string) => {
    const args = ['--model', model, '--adapter', adapter, '--input-ids', inputIds];
    const { logits, ...facts } = (await runPython('verify_adapter.py', args)) as {
      logits: number[][][];
      adapterTensors: number;
      largestChange: number;
    };
    return { logits: logits.flat(2), ...facts };
  };

  it('PEFT computes the same with its own files and with ours of the same adapter', async () => {
    const model = goldenCheckpoint('qwen2-tied-bfloat16');
    const original = goldenAdapter('qwen2-rslora-all-projections');
    const adapter = await loadLoraAdapter(original, { layers: await linearLayersOf(model) });
    await saveLoraAdapter(temporaryDirectory(), adapter);
    const [ours, theirs] = [await logitsOf(model, temporaryDirectory()), await logitsOf(model, original)];
    expect(ours.logits).toEqual(theirs.logits);
    expect(ours.adapterTensors).toBe(adapter.modules.length * 2);
  });

  it('PEFT loads every kind of configuration, with all tensors in their places', async () => {
    const model = goldenCheckpoint('llama-untied-float32');
    const modelLayers = await linearLayersOf(model);
    const configs = [
      { target_modules: 'all-linear', exclude_modules: ['down_proj'], r: 3 },
      {
        target_modules: '.*\\.(q|up)_proj',
        r: 2,
        rank_pattern: { up_proj: 4 },
        alpha_pattern: { q_proj: 1.5 },
      },
      { r: 2, use_rslora: false, layers_to_transform: [1], layers_pattern: 'layers' },
    ];
    for (const [index, config] of configs.entries()) {
      const directory = join(temporaryDirectory(), `${index}`);
      const adapter = createLoraAdapter(modelLayers, config, { seed: index });
      adapter.parameters.forEach((value, position) => {
        if (value === 0) adapter.parameters[position] = Math.sin(position) / 10;
      });
      await saveLoraAdapter(directory, adapter, index === 1 ? { dtype: 'bfloat16' } : {});
      const { adapterTensors, largestChange } = await logitsOf(model, directory);
      expect(adapterTensors).toBe(adapter.modules.length * 2);
      expect(largestChange).toBeGreaterThan(1e-3);
    }
  });
});
