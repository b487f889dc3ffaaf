import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { ShapeError } from './errors.ts';
import { useTemporaryDirectory } from './safetensors/__fixtures__/temporary-directory.ts';

const directory = useTemporaryDirectory();

it("an error of shapes names the operation, both shapes, and the line of the user's source that traced it", async () => {
  const file = join(directory(), 'users-model.ts');
  const index = JSON.stringify(join(import.meta.dirname, 'index.ts'));
  await writeFile(
    file,
    `import { input, matmul, silu, tensorType } from ${index};
const float = (name: string, ...shape: number[]) => input(name, tensorType('float32', shape));
const hidden = silu(float('x', 2, 3));
matmul(hidden, float('w', 4, 5));
`,
  );
  const run = promisify(execFile)(process.execPath, ['--conditions=safetune-source', file]);
  const { stderr } = await run.then(
    () => expect.fail('the shapes do not fit'),
    (error: { stderr: string }) => error,
  );
  expect(stderr).toMatch(/ShapeError: matmul: .*\[2, 3\].*\[4, 5\]/);
  expect(stderr).toContain(`(traced at ${file}:4:1)`);
});

it('leaves the place out where there is none of a user', () => {
  expect(new ShapeError('matmul', 'does not fit').message).not.toContain(import.meta.dirname);
});
