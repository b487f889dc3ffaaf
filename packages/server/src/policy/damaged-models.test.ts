import { afterAll, expect, it, onTestFinished } from 'vitest';
import { PolicyFileError } from '../errors.ts';
import { damages, modelCopy, spoilWeights } from './__fixtures__/damaged-model.ts';
import { policyFolder, removePolicyFolders, tinyCheckpoint } from './__fixtures__/policy-folder.ts';
import { readPolicy } from './read-policy.ts';

afterAll(removePolicyFolders);

/** A policy of a whole model and of one in a folder of the test's own. */
async function policyWithCopy() {
  const { folder, remove } = await modelCopy();
  onTestFinished(remove);
  const { file } = await policyFolder(
    `models:\n  whole: {path: ${tinyCheckpoint}}\n  small: {path: ${folder}}\n`,
  );
  return { folder, file };
}

it.each(Object.entries(damages))(
  'a service does not start with a model that has %s',
  async (_damage, { damage, reason }) => {
    const { folder, file } = await policyWithCopy();
    await readPolicy(file, { models: 'opened' });
    await damage(folder);
    const error = await readPolicy(file, { models: 'opened' }).catch((thrown: unknown) => thrown);
    if (!PolicyFileError.isInstance(error)) throw error;
    expect(error.problems).toHaveLength(1);
    expect(error.problems[0]).toMatch(/^line 3: models\.small\.path: /);
    expect(error.problems[0]).toContain(folder);
    expect(error.problems[0]).toMatch(reason);
    // A worker that is started again meanwhile goes on with the other models.
    expect(Object.keys((await readPolicy(file, { models: 'unseen' })).models)).toEqual(['whole', 'small']);
  },
);

it('weights that are no numbers are not looked for at the start, which would read all of them', async () => {
  const { folder, file } = await policyWithCopy();
  await spoilWeights(folder);
  expect((await readPolicy(file, { models: 'opened' })).models.small!.path).toBe(folder);
});
