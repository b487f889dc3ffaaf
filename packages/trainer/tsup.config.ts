import { defineConfig } from 'tsup';

export default defineConfig({
  // Worker threads start at dist/worker.js.
  entry: { index: 'src/index.ts', worker: 'src/worker/worker.ts' },
  format: 'esm',
  target: 'node22',
  sourcemap: true,
  clean: true,
});
