import { defineConfig } from 'vitest/config';

/** Tests run on the sources: packages resolve each other through the `safetune-source` export condition. */
export default defineConfig({
  resolve: { conditions: ['safetune-source', 'node', 'import', 'default'] },
  ssr: { resolve: { conditions: ['safetune-source', 'node', 'import', 'default'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'examples/**/*.test.ts', 'docs/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});
