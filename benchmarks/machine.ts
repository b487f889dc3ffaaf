import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';

/** What the results depend on besides the code. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  /** Vector and matrix extensions, as Linux names them. */
  readonly extensions: readonly string[];
  readonly memoryGigabytes: number;
  readonly system: string;
  readonly versions: Readonly<Record<string, string>>;
}

const interesting = [
  'avx2',
  'avx_vnni',
  'avx512f',
  'avx512_vnni',
  'avx512_bf16',
  'avx512_fp16',
  'amx_bf16',
  'amx_int8',
];

export function describeMachine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    extensions: interesting.filter((flag) => processorFlags().has(flag)),
    memoryGigabytes: Math.round(totalmem() / 1e9),
    system: `${type()} ${release()}`,
    versions: {
      node: process.versions.node,
      'onnxruntime-node': installedVersion('@safetune/tensor', 'onnxruntime-node'),
      ...pythonVersions(['torch', 'transformers', 'peft']),
      '@tensorflow/tfjs-backend-wasm': installedVersion('@tensorflow/tfjs-backend-wasm'),
      '@jax-js/jax': installedVersion('@jax-js/jax'),
    },
  };
}

/** The type that torch trains fastest in here: it emulates bfloat16 where the processor has no instructions for it. */
export function fastestTorchPrecision(): 'bfloat16' | 'float32' {
  return ['avx512_bf16', 'amx_bf16'].some((flag) => processorFlags().has(flag)) ? 'bfloat16' : 'float32';
}

/** Short hash of the commit in the work tree, with a + when its code was changed since. */
export function describeCommit(): string {
  const git = (...words: string[]) =>
    execFileSync('git', words, { cwd: import.meta.dirname, encoding: 'utf8', stdio: 'pipe' }).trim();
  try {
    const changes = git('status', '--porcelain', '--', '..', ':!RESULTS.md', ':!results.json');
    return `${git('rev-parse', '--short', 'HEAD')}${changes === '' ? '' : '+'}`;
  } catch {
    return 'unknown';
  }
}

/** Whether results of one can stand beside those of the other. */
export function isSameMachine(a: Machine, b: Machine): boolean {
  const fixed = ({ processor, cores, extensions }: Machine) => JSON.stringify([processor, cores, extensions]);
  return fixed(a) === fixed(b);
}

/** Those of `earlier` that are of other versions now. */
export function otherVersions(
  earlier: Machine['versions'],
  now: Machine['versions'],
): Record<string, string> {
  return Object.fromEntries(Object.entries(earlier).filter(([name, version]) => now[name] !== version));
}

function processorFlags(): Set<string> {
  try {
    const line = /^flags\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'));
    return new Set(line?.[1]?.split(' ') ?? []);
  } catch {
    return new Set();
  }
}

/** Version of a package as a chain of dependents resolves it, the first of them from here. */
function installedVersion(...chain: readonly string[]): string {
  let folder = import.meta.dirname;
  try {
    for (const name of chain) folder = `${folder}/node_modules/${name}`;
    return (JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as { version: string }).version;
  } catch {
    return 'missing';
  }
}

function pythonVersions(names: readonly string[]): Record<string, string> {
  const script =
    'import importlib.metadata as m, json, sys\n' +
    'def v(n):\n try: return m.version(n)\n except m.PackageNotFoundError: return "missing"\n' +
    'print(json.dumps({n: v(n) for n in sys.argv[1:]}))';
  try {
    const text = execFileSync(process.env.PYTHON ?? 'python3', ['-c', script, ...names], {
      encoding: 'utf8',
    });
    return JSON.parse(text) as Record<string, string>;
  } catch {
    return Object.fromEntries(names.map((name) => [name, 'missing']));
  }
}
