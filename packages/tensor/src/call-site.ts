import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Frames that are looked through: tracing a deep model nests calls. */
const deepestStack = 64;

const ownFolder = `${import.meta.dirname}${sep}`;

/**
 * Where code outside this package called into it, as `file:line:column`: the line of a user's own source that an error is
 * about. Undefined when it cannot be told.
 */
export function callSite(): string | undefined {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = deepestStack;
  const stack = new Error().stack ?? '';
  Error.stackTraceLimit = limit;
  const frames = stack.split('\n').slice(1).map(placeOf);
  const caller = frames.find((place) => place !== undefined && !place.startsWith(ownFolder));
  return caller?.includes('node_modules') === false ? caller : undefined;
}

/** `at name (file:///a/b.ts:1:2)` to `/a/b.ts:1:2`; undefined for a frame without a file. */
function placeOf(frame: string): string | undefined {
  const [, file, position] = /([^\s()]+?)(:\d+:\d+)\)?$/.exec(frame) ?? [];
  if (file === undefined || file.startsWith('node:')) return undefined;
  return `${file.startsWith('file:') ? fileURLToPath(file) : file}${position}`;
}
