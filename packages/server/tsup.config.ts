import { defineConfig } from 'tsup';

export default defineConfig({
  // The process of a job starts at dist/job-process.js, that of a model at dist/model-program.js, the thread that looks into a file at dist/inspection-program.js.
  entry: {
    index: 'src/index.ts',
    evidence: 'src/evidence/index.ts',
    'job-process': 'src/work/job-process.ts',
    'inspection-program': 'src/inspection/inspection-program.ts',
    'model-program': 'src/serving/model-program.ts',
  },
  format: 'esm',
  target: 'node22',
  // `node:sqlite` has no name without the prefix.
  removeNodeProtocol: false,
  sourcemap: true,
  clean: true,
});
