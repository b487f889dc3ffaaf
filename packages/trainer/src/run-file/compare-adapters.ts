import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { adapterConfigFile, adapterWeightsFile } from '@safetune/lora';
import {
  fileDigest,
  openSafetensors,
  printable,
  readTensor,
  type SafetensorsFile,
  someNames,
  type TensorDirectory,
} from '@safetune/tensor';

/** How an adapter that was made again is like the one that was recorded. */
export interface AdapterComparison {
  /** Whether both of its files are the same, byte for byte. */
  readonly isSame: boolean;
  /** What differs, in words. */
  readonly differences: readonly string[];
  /**
   * l2 norm of the difference of all values, divided by that of the recorded ones. Undefined where the files are the same, or the
   * tensors are others.
   */
  readonly distance?: number;
}

/**
 * Compares the two files of PEFT's in two folders.
 *
 * @param recorded a folder that a stranger may have filled
 */
export async function compareAdapters(recorded: string, made: string): Promise<AdapterComparison> {
  const config = await compareConfigs(recorded, made);
  const values = (await isSameFile(adapterWeightsFile, recorded, made))
    ? undefined
    : await compareWeights(recorded, made).catch((error: Error) => ({ difference: error.message }));
  const differences = [...config, ...(values === undefined ? [] : [values.difference])];
  return {
    isSame: differences.length === 0,
    differences,
    ...(values && 'distance' in values ? { distance: values.distance } : {}),
  };
}

async function isSameFile(name: string, ...folders: readonly string[]): Promise<boolean> {
  const [one, other] = await Promise.all(folders.map((folder) => fileDigest(join(folder, name))));
  return one !== undefined && one === other;
}

async function compareConfigs(recorded: string, made: string): Promise<string[]> {
  if (await isSameFile(adapterConfigFile, recorded, made)) return [];
  try {
    const [before, now] = (await Promise.all(
      [recorded, made].map(async (folder) =>
        JSON.parse(await readFile(join(folder, adapterConfigFile), 'utf8')),
      ),
    )) as [Record<string, unknown>, Record<string, unknown>];
    const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
    const changed = names.filter((name) => !isDeepStrictEqual(before[name], now[name]));
    return [`${adapterConfigFile}: ${changed.length === 0 ? 'written otherwise' : someNames(changed)}`];
  } catch (error) {
    return [`${adapterConfigFile}: ${printable((error as Error).message)}`];
  }
}

async function compareWeights(
  recorded: string,
  made: string,
): Promise<{ readonly difference: string; readonly distance?: number }> {
  const [before, now] = (await Promise.all(
    [recorded, made].map((folder) => openSafetensors(join(folder, adapterWeightsFile), { folder })),
  )) as [SafetensorsFile, SafetensorsFile];
  const names = otherTensors(before, now);
  if (names.length > 0) return { difference: `${adapterWeightsFile}: other tensors: ${someNames(names)}` };
  let [count, differing, largest, where] = [0, 0, 0, ''];
  let [squares, norm] = [0, 0];
  for (const [name, region] of before.tensors) {
    const ofBefore = (await readTensor(region)).data;
    const ofNow = (await readTensor(now.tensors.get(name)!)).data;
    for (let index = 0; index < ofBefore.length; index++) {
      const [was, is] = [Number(ofBefore[index]), Number(ofNow[index])];
      const difference = Math.abs(was - is);
      norm += was * was;
      squares += difference * difference;
      if (Object.is(was, is)) continue;
      differing += 1;
      if (difference > largest) [largest, where] = [difference, name];
    }
    count += ofBefore.length;
  }
  if (differing === 0)
    return { difference: `${adapterWeightsFile}: the same values, written otherwise`, distance: 0 };
  const distance = Math.sqrt(squares / norm);
  return {
    difference:
      `${adapterWeightsFile}: ${differing.toLocaleString('en')} of ${count.toLocaleString('en')} values differ, at most by ` +
      `${largest.toPrecision(3)} (in ${printable(where)}), all together by ${distance.toPrecision(3)} of their norm`,
    distance,
  };
}

/** Names that only one has, or that both have in another shape or type. */
function otherTensors(before: TensorDirectory, now: TensorDirectory): string[] {
  const names = new Set([...before.tensors.keys(), ...before.unsupported.keys(), ...now.tensors.keys()]);
  return [...names].filter((name) => {
    const [was, is] = [before.tensors.get(name), now.tensors.get(name)];
    return (
      was === undefined || is === undefined || was.dtype !== is.dtype || was.shape.join() !== is.shape.join()
    );
  });
}
