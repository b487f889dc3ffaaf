import { defineConfig } from 'tsup';

export default defineConfig({
  entry: {
    main: 'src/main.ts',
    program: 'src/program.ts',
    'watch-thread': 'src/watch/watch-thread.ts',
  },
  format: 'esm',
  target: 'node22',
  sourcemap: true,
  clean: true,
});
