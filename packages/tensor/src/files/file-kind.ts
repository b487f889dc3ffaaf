/** Beginnings by which formats are known that people give where safetensors or JSON is wanted, and what to do. */
const beginnings: readonly (readonly [bytes: string, kind: string])[] = [
  [
    'version https://git-lfs.github.com/spec/',
    'a Git LFS pointer: the file itself was not fetched; run `git lfs pull`, or download it again',
  ],
  [
    'GGUF',
    "a GGUF file, llama.cpp's format, where a checkpoint's own tensors are wanted; " +
      'use the original safetensors checkpoint, or write the file as a folder first (writeModelFolder of @safetune/models)',
  ],
  ['PK\x03\x04', `a ZIP archive, as PyTorch's .bin and .pt files are; ${convert()}`],
  ['\x80\x02', `a Python pickle, as PyTorch's older .bin and .pt files are; ${convert()}`],
  ['\x80\x04', `a Python pickle; ${convert()}`],
  ['\x89HDF', `an HDF5 file, as Keras writes; ${convert()}`],
  ['\x1f\x8b', 'a gzip archive; unpack it first'],
  ['PAR1', 'a Parquet file, a table of data'],
  ['\x93NUMPY', `a NumPy array; ${convert()}`],
  ['<!DOCTYPE', webPage()],
  ['<!doctype', webPage()],
  ['<html', webPage()],
];

function convert(): string {
  return 'convert it to safetensors with Python first (load_state_dict, then safetensors.torch.save_file)';
}

function webPage(): string {
  return 'a web page: the download failed, perhaps for want of a login';
}

/** What a file is by its first bytes (a few dozen are enough) and what to do, in words; undefined when it is not known. */
export function kindOfContent(first: Uint8Array): string | undefined {
  const text = Buffer.from(first.subarray(0, 64)).toString('latin1');
  return beginnings.find(([bytes]) => text.startsWith(bytes))?.[1];
}
