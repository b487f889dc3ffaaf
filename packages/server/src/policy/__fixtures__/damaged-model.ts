import { cp, mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tinyCheckpoint } from './policy-folder.ts';

const weights = 'model.safetensors';

/** Changes the header of the weights: how long it says that it is, and what it says. */
async function changeHeader(
  folder: string,
  changed: (header: Record<string, { data_offsets: [number, number] }>) => void,
  length?: bigint,
): Promise<void> {
  const file = join(folder, weights);
  const bytes = await readFile(file);
  const end = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString('utf8', 8, end));
  changed(header);
  const text = Buffer.from(JSON.stringify(header));
  const first = Buffer.alloc(8);
  first.writeBigUInt64LE(length ?? BigInt(text.length));
  await writeFile(file, Buffer.concat([first, text, bytes.subarray(end)]));
}

function config(fields: object) {
  return async (folder: string) => {
    const file = join(folder, 'config.json');
    await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...fields }));
  };
}

const without = (name: string) => (folder: string) => rm(join(folder, name), { recursive: true });

const normName = 'model.norm.weight';

/** What can have become of a model's folder: how, and what is said of it. */
export const damages = {
  'weights that were cut off': {
    damage: (folder: string) => truncate(join(folder, weights), 100_000),
    reason: /model\.safetensors: .*(short|end|long|bytes)/,
  },
  'a header that claims to be longer than anything': {
    damage: (folder: string) => changeHeader(folder, () => {}, 2n ** 60n),
    reason: /model\.safetensors: .*header/,
  },
  'a header that lies about where a tensor ends': {
    damage: (folder: string) =>
      changeHeader(folder, (header) => {
        header[normName]!.data_offsets[1] += 2 ** 40;
      }),
    reason: new RegExp(`model\\.safetensors: .*${normName.replaceAll('.', '\\.')}`),
  },
  'a billion layers': {
    damage: config({ num_hidden_layers: 1e9 }),
    reason: /config\.json: num_hidden_layers is 1000000000, but the checkpoint holds 21 tensors/,
  },
  'a hidden size of a billion': {
    damage: config({ hidden_size: 1e9 }),
    reason: /the tensors are not those config\.json describes/,
  },
  'no heads': { damage: config({ num_attention_heads: 0 }), reason: /config\.json: num_attention_heads: / },
  'no config': { damage: without('config.json'), reason: /config\.json: there is no such file/ },
  'no weights': { damage: without(weights), reason: /model\.safetensors/ },
  'no tokenizer': { damage: without('tokenizer.json'), reason: /tokenizer\.json: there is no such file/ },
  'no chat template': {
    damage: async (folder: string) => {
      const file = join(folder, 'tokenizer_config.json');
      const { chat_template: _, ...rest } = JSON.parse(await readFile(file, 'utf8'));
      await writeFile(file, JSON.stringify(rest));
    },
    reason: /chat template/,
  },
  'no folder': { damage: without('.'), reason: /is not there|there is no/ },
} as const;

/** Which headers do not tell: the norm before the output layer is NaN, and with it every logit. */
export async function spoilWeights(folder: string): Promise<void> {
  const file = join(folder, weights);
  const bytes = await readFile(file);
  const end = 8 + Number(bytes.readBigUInt64LE());
  const [from, to] = JSON.parse(bytes.toString('utf8', 8, end))[normName].data_offsets as [number, number];
  const handle = await open(file, 'r+');
  await handle.write(
    new Uint8Array(new Float32Array((to - from) / 4).fill(Number.NaN).buffer),
    0,
    to - from,
    end + from,
  );
  await handle.close();
}

/** A copy of the tiny checkpoint, as yet whole. */
export async function modelCopy(): Promise<{ readonly folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'safetune-damaged-'));
  await cp(tinyCheckpoint, folder, { recursive: true });
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}
