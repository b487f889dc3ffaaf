import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { ShapeError } from './errors.ts';
import { useTemporaryDirectory } from './safetensors/__fixtures__/temporary-directory.ts';

const directory = useTemporaryDirectory();

const index = JSON.stringify(join(import.meta.dirname, 'index.ts'));

/** What a script that fails writes to its standard error. */
async function errorsOf(file: string, source: string): Promise<string> {
  await writeFile(file, source);
  const run = promisify(execFile)(process.execPath, ['--conditions=safetune-source', file]);
  const { stderr } = await run.then(
    () => expect.fail('the script does not fail'),
    (error: { stderr: string }) => error,
  );
  return stderr;
}

it("an error of shapes names the operation, both shapes, and the line of the user's source that traced it", async () => {
  const file = join(directory(), 'users-model.ts');
  const stderr = await errorsOf(
    file,
    `import { input, matmul, silu, tensorType } from ${index};
const float = (name: string, ...shape: number[]) => input(name, tensorType('float32', shape));
const hidden = silu(float('x', 2, 3));
matmul(hidden, float('w', 4, 5));
`,
  );
  expect(stderr).toMatch(/ShapeError: matmul: .*\[2, 3\].*\[4, 5\]/);
  expect(stderr).toContain(`(traced at ${file}:4:1)`);
});

it("an error of gradients names what passes none, the input, and the user's line, through an installed package", async () => {
  const installed = join(directory(), 'node_modules', 'losses');
  await mkdir(installed, { recursive: true });
  await writeFile(
    join(installed, 'index.js'),
    `import { cast, argMax, gradients } from ${index};
export const slope = (x) => gradients(cast(argMax(x, 0), 'float32'), [x]);
`,
  );
  await writeFile(join(installed, 'package.json'), '{ "type": "module", "exports": "./index.js" }');
  const file = join(directory(), 'users-training.ts');
  const stderr = await errorsOf(
    file,
    `import { input, tensorType } from ${index};
import { slope } from 'losses';
slope(input('scores', tensorType('float32', [3])));
`,
  );
  expect(stderr).toContain(
    "GradientError: the value depends on Tensor(float32[3] from input 'scores') only through argMax, which passes no gradient",
  );
  expect(stderr).toContain(`(traced at ${file}:3:1)`);
});

it('leaves the place out where there is none of a user', () => {
  expect(new ShapeError('matmul', 'does not fit').message).not.toContain(import.meta.dirname);
});
