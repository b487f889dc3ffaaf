import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it('shows in the README what really comes out', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const block = (mark: string) => new RegExp(`\`\`\`${mark}\n(.*?)\`\`\``, 's').exec(readme)![1]!;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--conditions=safetune-source', '--input-type=module-typescript', '--eval', block('ts run')],
    { cwd: import.meta.dirname, encoding: 'utf8' },
  );
  expect(stdout, stderr).toBe(block('text output'));
});
