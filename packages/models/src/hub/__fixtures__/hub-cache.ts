import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { ServedFile } from '../../../../../conformance/hub-server.ts';
import { type GoldenName, goldenDirectory } from '../../__fixtures__/goldens.ts';

/** An empty folder for each test; call it outside of them. */
export function emptyFolder(): () => string {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'safetune-hub-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  return () => folder;
}

/** All of a golden checkpoint as a repository, weights in Git LFS. */
export async function goldenRepository(name: GoldenName): Promise<Map<string, ServedFile>> {
  const folder = goldenDirectory(name);
  const files = new Map<string, ServedFile>();
  for (const path of (await readdir(folder)).sort()) {
    files.set(path, { content: await readFile(join(folder, path)), isLarge: path.endsWith('.safetensors') });
  }
  return files;
}

/** A repository of a small text and one file of Git LFS, with random bytes. */
export function adapterRepository(byteLength = 300_000): Map<string, ServedFile> {
  return new Map([
    ['README.md', { content: Buffer.from('# Adapter\n'), isLarge: false }],
    ['adapter_config.json', { content: Buffer.from('{"peft_type": "LORA"}\n'), isLarge: false }],
    ['adapter_model.safetensors', { content: randomBytes(byteLength), isLarge: true }],
  ]);
}

/** The address of a host where nobody answers any more. */
export async function closedAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return `http://127.0.0.1:${port}`;
}
