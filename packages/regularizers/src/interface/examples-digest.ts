import { openDataset } from '@safetune/datasets';
import { fileDigest } from '@safetune/tensor';

/** SHA-256 of the files that a path of examples means. @throws what opening them throws. */
export async function examplesDigest(path: string): Promise<string> {
  const { files } = await openDataset(path);
  const digests = await Promise.all(files.map((file) => fileDigest(file.path)));
  return digests.join(' ');
}
