import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Frames that are looked through: tracing a deep model nests calls. */
const deepestStack = 64;

const ownFolder = `${import.meta.dirname}${sep}`;

/**
 * Where code that is no installed package called into this one, as `file:line:column`: the line of a user's own source that
 * an error is about, also when it went through other packages. Undefined when it cannot be told.
 */
export function callSite(): string | undefined {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = deepestStack;
  const stack = new Error().stack ?? '';
  Error.stackTraceLimit = limit;
  const frames = stack.split('\n').slice(1).map(placeOf);
  return frames.find((place) => place !== undefined && !place.startsWith(ownFolder) && !isInstalled(place));
}

const isInstalled = (place: string) => place.includes(`${sep}node_modules${sep}`);

/** `at name (file:///a/b.ts:1:2)` to `/a/b.ts:1:2`; undefined for a frame without a file. */
function placeOf(frame: string): string | undefined {
  const [, file, position] = /([^\s()]+?)(:\d+:\d+)\)?$/.exec(frame) ?? [];
  if (file === undefined || file.startsWith('node:')) return undefined;
  return `${file.startsWith('file:') ? fileURLToPath(file) : file}${position}`;
}
