import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { RegularizerModuleError } from '../errors.ts';
import type { RegularizerKind } from '../interface/kind.ts';
import { shown } from '../interface/shown.ts';
import { moduleDigest } from './module-digest.ts';
import { isModulePath, kindOf, registerModule } from './registry.ts';

/**
 * Loads the modules that configs name by their `type`, a path such as `./mine.ts`: afterwards {@link regularizerFromConfig} makes
 * regularizers of them. A module runs with all rights of the program. Its default export is a function that makes the regularizer from
 * its options, or a {@link RegularizerKind}. TypeScript runs as it is from Node 22.18 on.
 *
 * @throws RegularizerModuleError when a module cannot be read or run, has no such export, or has changed since this program loaded it;
 *   for every module where `SAFETUNE_NO_MODULES=1` is set.
 *
 * @example
 * const configs = [{ type: './mine.ts', weight: 0.1 }];
 * await loadRegularizerModules(configs);
 * const regularizers = configs.map(regularizerFromConfig);
 */
export async function loadRegularizerModules(configs: readonly { readonly type: string }[]): Promise<void> {
  for (const type of new Set(configs.map((config) => config.type))) {
    if (typeof type === 'string' && isModulePath(type)) await loadModule(type);
  }
}

async function loadModule(path: string): Promise<void> {
  if (process.env.SAFETUNE_NO_MODULES === '1')
    throw new RegularizerModuleError(path, 'modules are not run, as SAFETUNE_NO_MODULES=1 is set');
  const file = resolve(path);
  const contents = { [`module ${basename(file)}`]: await moduleDigest(path) };
  const loaded = kindOf(file)?.contents;
  if (loaded !== undefined) {
    const isSame = Object.entries(contents).every(([name, digest]) => loaded[name] === digest);
    if (isSame) return;
    throw new RegularizerModuleError(
      path,
      'has changed since this program loaded it: start the program anew',
    );
  }
  requireTypeScript(path);
  registerModule(file, { ...exportedKind(path, await imported(path, file)), contents });
}

/**
 * Makes sure that this Node runs a file of its language.
 *
 * @param support - what Node does with types: `false` or undefined where it cannot take them away
 * @throws RegularizerModuleError
 */
export function requireTypeScript(
  path: string,
  support: string | false | undefined = process.features.typescript,
): void {
  if (!/ts$/i.test(path) || support) return;
  throw new RegularizerModuleError(
    path,
    `is TypeScript, which Node runs from 22.18 on; this is ${process.versions.node}: update Node, or compile the module to JavaScript`,
  );
}

async function imported(path: string, file: string): Promise<object> {
  try {
    return (await import(/* @vite-ignore */ pathToFileURL(file).href)) as object;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const hint = /Cannot find (?:package|module) '@safetune/.test(message)
      ? '. Install it beside the module: npm install @safetune/regularizers @safetune/tensor'
      : '';
    throw new RegularizerModuleError(path, `cannot be run: ${message}${hint}`, { cause });
  }
}

function exportedKind(path: string, module: object): RegularizerKind<never> {
  const given: unknown = 'default' in module ? module.default : undefined;
  if (typeof given === 'function') return { create: given as RegularizerKind<never>['create'] };
  const isObject = typeof given === 'object' && given !== null;
  if (isObject && 'create' in given && typeof given.create === 'function')
    return given as RegularizerKind<never>;
  const names = Object.keys(module).join(', ') || 'nothing';
  const found =
    given === undefined
      ? `it exports ${names} and no default`
      : isObject && 'config' in given
        ? 'it is a regularizer already'
        : `it is ${shown(given)}`;
  throw new RegularizerModuleError(
    path,
    `its default export must be a function that makes the regularizer from its options, or { schema, create }; ${found}`,
  );
}
