import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** The fuzz tier: hostile input by the thousand (`conformance/fuzz.ts`), with counts printed. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['packages/*/src/**/*.fuzz.ts'],
    testTimeout: 600_000,
    disableConsoleIntercept: true,
    reporters: ['dot'],
  },
});
