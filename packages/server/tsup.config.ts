import { defineConfig } from 'tsup';

export default defineConfig({
  // The process of a model starts at dist/model-program.js.
  entry: { index: 'src/index.ts', 'model-program': 'src/serving/model-program.ts' },
  format: 'esm',
  target: 'node22',
  sourcemap: true,
  clean: true,
});
