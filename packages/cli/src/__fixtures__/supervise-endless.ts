import { supervise } from '../supervise.ts';

process.exitCode = await supervise([], new URL('./endless-program.ts', import.meta.url));
