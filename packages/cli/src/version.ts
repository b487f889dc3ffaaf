import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** The version of this package, as its package.json says. */
export const version: string = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
).version;

/** Versions of what the command adds to the packages of training. */
export function commandVersions(): Record<string, string> {
  const { version: ofEval } = createRequire(import.meta.url)('@safetune/eval/package.json') as {
    readonly version: string;
  };
  return { safetune: version, '@safetune/eval': ofEval };
}
