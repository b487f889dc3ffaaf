import { execFileSync } from 'node:child_process';
import { mkdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkpointCopies } from './__fixtures__/goldens.ts';
import { ModelFileError } from './errors.ts';
import { readOptionalText } from './json-file.ts';
import { readModelConfig } from './read-config.ts';

const copy = checkpointCopies();

async function errorOf(action: Promise<unknown>): Promise<ModelFileError> {
  const error: unknown = await action.then(
    () => expect.fail('no error was thrown'),
    (caught: unknown) => caught,
  );
  if (!ModelFileError.isInstance(error)) throw error;
  return error;
}

describe('files of a model folder that a stranger filled', () => {
  it.skipIf(process.platform === 'win32')(
    'are not read through links out of it, nor from pipes',
    async () => {
      const directory = await copy('llama-untied-float32', { without: ['config.json'] });
      const secret = join(dirname(directory), 'secret');
      await writeFile(secret, 'hunter2');
      await symlink(secret, join(directory, 'chat_template.jinja'));
      await symlink(secret, join(directory, 'config.json'));
      const linked = await errorOf(readOptionalText(join(directory, 'chat_template.jinja')));
      expect(linked.message).toMatch(/a link to a file outside/);
      const config = await errorOf(readModelConfig(directory));
      expect(config.message).toMatch(/a link to a file outside/);
      expect(config.message).not.toContain('hunter2');
      await rm(join(directory, 'config.json'));
      execFileSync('mkfifo', [join(directory, 'config.json')]);
      expect((await errorOf(readModelConfig(directory))).message).toMatch(/is a pipe/);
    },
  );

  it.skipIf(process.platform === 'win32')('are not read from a folder in it that leads out', async () => {
    const directory = await copy('llama-untied-float32');
    const elsewhere = join(dirname(directory), 'elsewhere');
    await mkdir(elsewhere);
    await writeFile(join(elsewhere, 'tool.jinja'), 'hunter2');
    await symlink(elsewhere, join(directory, 'additional_chat_templates'));
    const file = join(directory, 'additional_chat_templates', 'tool.jinja');
    expect((await errorOf(readOptionalText(file, directory))).message).toMatch(/a link to a file outside/);
  });

  it('are bounded in size and depth', async () => {
    const directory = await copy('llama-untied-float32');
    const file = join(directory, 'config.json');
    await writeFile(file, `{"a":${'['.repeat(100_000)}`);
    expect((await errorOf(readModelConfig(directory))).message).toMatch(/nested more than 64 levels/);
    await truncate(file, 300_000_000);
    expect((await errorOf(readModelConfig(directory))).message).toMatch(/300000000 bytes, more than/);
  });

  it('are not repeated in messages', async () => {
    const directory = await copy('llama-untied-float32', {
      files: { 'config.json': 'root:x:0:0:hunter2' },
    });
    expect((await errorOf(readModelConfig(directory))).message).not.toContain('hunter2');
  });
});

describe('what is no model folder', () => {
  it('is known for what it is', async () => {
    const hub = await errorOf(readModelConfig('no-such-org/no-such-model'));
    expect(hub.message).toMatch(/hf download no-such-org\/no-such-model/);
    const adapter = await copy('llama-untied-float32', {
      without: ['config.json'],
      files: { 'adapter_config.json': {} },
    });
    expect((await errorOf(readModelConfig(adapter))).message).toMatch(/an adapter, not a model/);
    const file = join(adapter, 'model.safetensors');
    expect((await errorOf(readModelConfig(file))).message).toMatch(/is a file/);
  });
});
