import { defineConfig } from 'tsup';

export default defineConfig({
  // Beside the package itself: what processes and threads of the service start with.
  entry: {
    index: 'src/index.ts',
    evidence: 'src/evidence/index.ts',
    'job-process': 'src/work/job-process.ts',
    'inspection-program': 'src/inspection/inspection-program.ts',
    'model-program': 'src/serving/model-program.ts',
    'worker-process': 'src/work/worker-process.ts',
  },
  format: 'esm',
  target: 'node22',
  // `node:sqlite` has no name without the prefix.
  removeNodeProtocol: false,
  sourcemap: true,
  clean: true,
});
