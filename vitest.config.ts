import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './vitest.order.ts';

// Hundreds of processes are started here, which read the same sources: Node strips their types and compiles them once. Kept by content.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(
  new URL('node_modules/.cache/node-compile', import.meta.url),
);

/** Tests run on the sources: packages resolve each other through the `safetune-source` export condition. */
export default defineConfig({
  resolve: { conditions: ['safetune-source', 'node', 'import', 'default'] },
  ssr: { resolve: { conditions: ['safetune-source', 'node', 'import', 'default'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'examples/**/*.test.ts', 'docs/**/*.test.ts'],
    globalSetup: 'conformance/python-server.ts',
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // One more than the cores of CI: many tests of the service wait, for leases and for other processes.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
  },
});
