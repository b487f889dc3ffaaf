import { type FileHandle, open } from 'node:fs/promises';
import {
  CompileError,
  type HostArray,
  type HostData,
  hostArray,
  SafetensorsError,
  type WeightRegion,
} from '@safetune/tensor';

/** The weights of a model's blocks in host memory, block by block. */
export interface BlockWeights {
  /**
   * The weights of a block by region name.
   *
   * @param block counted from 0
   * @param next the block that will be asked for next: it is read while this one is worked with
   * @returns arrays that hold their values until another block is loaded
   * @throws SafetensorsError when a file vanished or shrank since it was opened.
   */
  load(block: number, next?: number): Promise<Readonly<Record<string, HostArray>>>;
  /** Closes the files. */
  close(): Promise<void>;
}

/**
 * Weights that are read from their files into memory, each block once.
 *
 * @param blocks the regions of each block
 */
export async function residentWeights(blocks: readonly (readonly WeightRegion[])[]): Promise<BlockWeights> {
  const weights = slottedWeights(blocks, blocks.length);
  try {
    for (const block of blocks.keys()) await weights.load(block);
  } finally {
    await weights.close();
  }
  return { ...weights, close: async () => {} };
}

/**
 * Weights that are read from their files whenever they are needed, one block ahead: memory for two blocks, for models
 * larger than memory.
 */
export function streamedWeights(blocks: readonly (readonly WeightRegion[])[]): BlockWeights {
  return slottedWeights(blocks, Math.min(2, blocks.length));
}

interface Slot {
  readonly memory: ArrayBuffer;
  block: number | undefined;
  arrays: Promise<Readonly<Record<string, HostArray>>> | undefined;
}

/** Block b lives in slot b modulo the number of slots, so that neighbours never share one. */
function slottedWeights(blocks: readonly (readonly WeightRegion[])[], count: number): BlockWeights {
  const slots = Array.from({ length: count }, (_, index): Slot => {
    const sizes = blocks.filter((_regions, block) => block % count === index).map(blockBytes);
    return { memory: new ArrayBuffer(Math.max(0, ...sizes)), block: undefined, arrays: undefined };
  });
  const files = createFileHandles();
  const ready = (block: number) => {
    const slot = slots[block % count]!;
    if (slot.block !== block) {
      // What is still being read into the slot must not land after what comes now.
      const before = slot.arrays ?? Promise.resolve({});
      slot.block = block;
      slot.arrays = before.catch(() => {}).then(() => readBlock(blocks[block]!, slot.memory, files));
      slot.arrays.catch(() => {
        if (slot.block === block) slot.block = undefined;
      });
    }
    return slot.arrays!;
  };
  return {
    async load(block, next) {
      const arrays = await ready(block);
      if (next !== undefined && next % count !== block % count) ready(next);
      return arrays;
    },
    close: files.close,
  };
}

/** Where regions begin in a slot: at multiples of this, which suits every type and the processor's cache. */
const alignment = 64;
const padded = (bytes: number) => Math.ceil(bytes / alignment) * alignment;

function blockBytes(regions: readonly WeightRegion[]): number {
  return regions.reduce((total, { byteLength }) => total + padded(byteLength), 0);
}

async function readBlock(
  regions: readonly WeightRegion[],
  memory: ArrayBuffer,
  files: FileHandles,
): Promise<Readonly<Record<string, HostArray>>> {
  let start = 0;
  const reads = regions.map(async (region) => {
    const offset = start;
    start += padded(region.byteLength);
    await readFully(await files.open(region), region, new Uint8Array(memory, offset, region.byteLength));
    return [region.name, hostArray(typedView(region, memory, offset), region.shape)] as const;
  });
  return Object.fromEntries(await Promise.all(reads));
}

/** One read moves at most this much: systems bound it near 2 GiB. */
const maximumReadBytes = 2 ** 30;

async function readFully(handle: FileHandle, region: WeightRegion, target: Uint8Array): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const length = Math.min(target.length - done, maximumReadBytes);
    const { bytesRead } = await handle.read(target, done, length, region.offset + done);
    if (bytesRead === 0) {
      const message = `the file ends ${target.length - done} bytes too early; it changed since it was opened`;
      throw new SafetensorsError('truncated', region.file, region.name, message);
    }
    done += bytesRead;
  }
}

function typedView({ dtype, name, byteLength }: WeightRegion, memory: ArrayBuffer, offset: number): HostData {
  switch (dtype) {
    case 'float32':
      return new Float32Array(memory, offset, byteLength / 4);
    case 'int32':
      return new Int32Array(memory, offset, byteLength / 4);
    case 'int8':
      return new Int8Array(memory, offset, byteLength);
    case 'uint8':
    case 'bool':
      return new Uint8Array(memory, offset, byteLength);
    default:
      throw new CompileError(`weight '${name}' is ${dtype}, which cannot be fed block by block`);
  }
}

interface FileHandles {
  open(region: WeightRegion): Promise<FileHandle>;
  close(): Promise<void>;
}

function createFileHandles(): FileHandles {
  const handles = new Map<string, Promise<FileHandle>>();
  return {
    open({ file, name }) {
      const known = handles.get(file);
      if (known !== undefined) return known;
      const opened = open(file, 'r').catch((cause: Error) => {
        handles.delete(file);
        throw new SafetensorsError('missing', file, name, `it cannot be opened (${cause.message})`, {
          cause,
        });
      });
      handles.set(file, opened);
      return opened;
    },
    async close() {
      const opened = await Promise.allSettled(handles.values());
      handles.clear();
      for (const result of opened) if (result.status === 'fulfilled') await result.value.close();
    },
  };
}
