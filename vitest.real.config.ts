import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** The tier of real models (`conformance/real/`): minutes for each, one after another, and a table of what was found. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['conformance/real/**/*.real.ts'],
    globalSetup: 'conformance/real/setup.ts',
    testTimeout: 3_600_000,
    hookTimeout: 3_600_000,
    maxWorkers: 1,
    fileParallelism: false,
    disableConsoleIntercept: true,
    reporters: ['verbose'],
  },
});
