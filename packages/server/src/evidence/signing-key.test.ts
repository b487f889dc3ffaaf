import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readPublicKeys } from './public-keys.ts';
import { openSigningKey, rotateSigningKey } from './signing-key.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-keys-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('makes one key for all who come at once, which nobody else can read', async () => {
  const keys = await Promise.all(Array.from({ length: 8 }, () => openSigningKey(folder)));
  expect(new Set(keys.map(({ id }) => id)).size).toBe(1);
  expect((await stat(join(folder, 'signing-key.pem'))).mode & 0o777).toBe(0o600);
  expect((await readdir(folder)).sort()).toEqual(['public', 'signing-key.pem']);
  const [known] = await readPublicKeys(join(folder, 'public'));
  expect(known!.id).toBe(keys[0]!.id);
  expect((await openSigningKey(folder)).id).toBe(keys[0]!.id);
});

it('keeps the public keys of those before', async () => {
  const first = await openSigningKey(folder);
  const second = await rotateSigningKey(folder);
  expect(second.id).not.toBe(first.id);
  expect((await openSigningKey(folder)).id).toBe(second.id);
  const known = await readPublicKeys(join(folder, 'public'));
  expect(known.map(({ id }) => id).sort()).toEqual([first.id, second.id].sort());
});

it('refuses a key that everybody can read, and what is no key, without repeating it', async () => {
  await openSigningKey(folder);
  const file = join(folder, 'signing-key.pem');
  await chmod(file, 0o644);
  await expect(openSigningKey(folder)).rejects.toThrow(/can be read by everybody/);
  await chmod(file, 0o600);
  await writeFile(file, 'hunter2');
  const error: Error = await openSigningKey(folder).then(
    () => expect.unreachable(),
    (thrown) => thrown,
  );
  expect(error.message).toContain('is no private key');
  expect(`${error.message} ${error.stack} ${error.cause}`).not.toContain('hunter2');
});

it('takes no private key for a public one, no other kind, and no empty folder', async () => {
  await openSigningKey(folder);
  await expect(readPublicKeys(join(folder, 'signing-key.pem'))).rejects.toThrow(/private key, which stays/);
  await writeFile(join(folder, 'other.pem'), 'nothing');
  await expect(readPublicKeys(join(folder, 'other.pem'))).rejects.toThrow(/no public key in PEM/);
  const empty = await mkdtemp(join(folder, 'empty-'));
  await expect(readPublicKeys(empty)).rejects.toThrow(/holds no public key/);
  expect(await readFile(join(folder, 'signing-key.pem'), 'utf8')).toContain('PRIVATE KEY');
});
