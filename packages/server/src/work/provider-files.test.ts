import { cp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { removePolicyFolders, tinyCheckpoint } from '../policy/__fixtures__/policy-folder.ts';
import { answers, type JobWorld, openJobWorld, policyText } from './__fixtures__/job-world.ts';

// What the policy names was there when the service started, and is damaged, changed or gone when a job wants it.

let world: JobWorld;
let model: string;
afterEach(async () => {
  await world.close();
  await removePolicyFolders();
});

/** A world whose base model is a copy of its own, beside it. */
async function openWorld(milliseconds = 0): Promise<void> {
  world = await openJobWorld({
    policy: policyText(milliseconds).replace(tinyCheckpoint, './model'),
    prepare: (folder) => cp(tinyCheckpoint, join(folder, 'model'), { recursive: true }),
  });
  model = join(world.folder, 'model');
}

const create = async () => (await world.createJob({ training_file: await world.upload(answers) })).id;
const config = async (fields: object) => {
  const file = join(model, 'config.json');
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...fields }));
};
const weights = () => join(model, 'model.safetensors');

/** Fills the weights, behind the header that says where they are. */
async function fillWeights(byte: number): Promise<void> {
  const content = await readFile(weights());
  await writeFile(weights(), content.fill(byte, 8 + Number(content.readBigUInt64LE())));
}

describe('a job fails at once, its owner is not told where files lie, the log is told what is wrong', () => {
  it.each<[damage: string, make: () => Promise<unknown>, log: RegExp]>([
    ['weights that end too soon', () => truncate(weights(), 9000), /model\.safetensors/],
    ['weights that are no numbers', () => fillWeights(0xff), /not finite/],
    [
      'a header longer than the file',
      async () => {
        const content = await readFile(weights());
        content.writeBigUInt64LE(2n ** 60n);
        await writeFile(weights(), content);
      },
      /model\.safetensors/,
    ],
    ['a billion layers', () => config({ num_hidden_layers: 1e9 }), /layers/],
    ['no head', () => config({ num_attention_heads: 0 }), /config\.json.*num_attention_heads/s],
    ['a config that is no JSON', () => writeFile(join(model, 'config.json'), '{'), /config\.json/],
    ['no folder', () => rm(model, { recursive: true }), /does not exist/],
    ['no tokenizer', () => rm(join(model, 'tokenizer.json')), /tokenizer/],
    [
      'no chat template',
      async () => {
        const file = join(model, 'tokenizer_config.json');
        await writeFile(file, (await readFile(file, 'utf8')).replace('"chat_template"', '"former_template"'));
      },
      /has no chat template/,
    ],
    ['a tokenizer that is none', () => writeFile(join(model, 'tokenizer.json'), '[]'), /tokenizer/],
    ['a pool that is none', () => writeFile(join(world.folder, 'safe.jsonl'), 'nonsense'), /safe\.jsonl/],
    [
      'code of a safeguard that throws',
      () => writeFile(join(world.folder, 'slow.mjs'), 'throw new Error("mislaid")'),
      /mislaid/,
    ],
  ])('%s', { timeout: 60_000 }, async (_damage, make, log) => {
    await openWorld();
    await make();
    const worker = world.startWorker();
    const job = await world.untilOver(await create());
    expect(job).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { code: 'provider_settings_unusable', param: null },
    });
    expect(job.error!.message).toContain("the service's fault");
    expect(job.error!.message).not.toContain(world.folder);
    expect(worker.problems.join('\n')).toMatch(log);
  });
});

it('a pool that is away is looked for again, as it may come back, and its absence told when the job is given up', async () => {
  await openWorld();
  const file = join(world.folder, 'safe.jsonl');
  await rename(file, `${file}.away`);
  const worker = world.startWorker();
  const job = await world.untilOver(await create());
  expect(job).toMatchObject({ status: 'failed', attempt: 3, error: { code: 'server_error' } });
  expect(job.error!.message).toBe(
    'the base model, or a file that a safeguard of the provider reads, could not be read, in 3 attempts; ' +
      "this is the service's fault, not the file's",
  );
  expect(worker.problems.join('\n')).toContain(file);
  await rename(`${file}.away`, file);
  expect((await world.untilOver(await create())).status).toBe('succeeded');
});

it('a training file that is not in the storage is told with what may be the cause', async () => {
  await openWorld();
  const id = await create();
  const { request } = await world.job(id);
  await world.service.storage.remove(`files/${request.training_file}`);
  const worker = world.startWorker();
  expect(await world.untilOver(id)).toMatchObject({ status: 'failed', error: { code: 'server_error' } });
  expect(worker.problems.join('\n')).toContain(
    'is not in the storage. Has this worker the same --storage, or --data, as the servers?',
  );
});

it("a pool that changes in the middle of a job ends it: its second half would be another training's", async () => {
  await openWorld(50);
  const worker = world.startWorker();
  const id = await create();
  await world.untilStep(id, 4);
  await world.service.records.change('job', id, (job) => ({ ...job, wanted: 'pause' }));
  await world.until(id, ({ status }) => status === 'paused');
  await world.until(id, async () => !(await world.service.queue.has(id)));
  const pool = join(world.folder, 'safe.jsonl');
  await writeFile(pool, (await readFile(pool, 'utf8')).replaceAll('safe answer', 'other answer'));
  await world.service.records.change('job', id, (job) => ({ ...job, wanted: 'run', status: 'queued' }));
  await world.service.queue.add(id, 0);
  const job = await world.untilOver(id);
  expect(job).toMatchObject({ status: 'failed', error: { code: 'provider_settings_changed' } });
  expect(job.error!.message).toContain('Create the job anew');
  expect(job.error!.message).not.toContain(world.folder);
  expect(worker.problems.join('\n')).toContain('Let open jobs come to their end');
});
