/**
 * The door to the Python side of the conformance suite. Tests ask {@link pythonWith} first and skip, with a notice,
 * on a machine without Python or its modules: SafeTune itself needs neither.
 *
 * @example
 * const python = pythonWith('torch', 'peft');
 * describe.skipIf(python === undefined)('against Python peft (skipped: no python3 with torch and peft)', () => {
 *   it('loads our adapter', async () => {
 *     const facts = await runPython('verify_adapter.py', ['--model', model, '--adapter', adapter, '--input-ids', '[[1, 2]]']);
 *   });
 * });
 */
import { spawn, spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';

/** Every module that the scripts of this folder import. */
export const conformanceModules = [
  'torch',
  'transformers',
  'peft',
  'safetensors',
  'tokenizers',
  'jinja2',
] as const;

const found = new Map<string, string | undefined>();

/**
 * Finds a Python that has all `modules`, without importing them (torch alone takes seconds).
 *
 * Candidates are the command in the environment variable `SAFETUNE_PYTHON`, `python3` and `python`, in this order. The
 * answer is kept for the life of the process.
 *
 * @param modules - top-level module names; default: {@link conformanceModules}.
 * @returns the command to run, or undefined where there is none.
 */
export function pythonWith(...modules: string[]): string | undefined {
  const wanted = modules.length > 0 ? modules : [...conformanceModules];
  const key = wanted.join(' ');
  if (!found.has(key)) found.set(key, findPython(wanted));
  return found.get(key);
}

function findPython(modules: readonly string[]): string | undefined {
  const probe = 'import sys, importlib.util as u; sys.exit(not all(u.find_spec(m) for m in sys.argv[1:]))';
  const candidates = [process.env.SAFETUNE_PYTHON, 'python3', 'python'].filter((name) => name !== undefined);
  return candidates.find(
    (candidate) => spawnSync(candidate, ['-c', probe, ...modules], { stdio: 'ignore' }).status === 0,
  );
}

/**
 * Runs a script of this folder and gives back what it printed.
 *
 * @param script - file name in this folder, such as `verify_adapter.py`, or the path of another.
 * @param args - its command-line arguments.
 * @returns the JSON value on the last line of its stdout.
 * @throws Error where no Python is found, the script fails (with the end of its stderr), or its last line is not JSON.
 */
export async function runPython(script: string, args: readonly string[]): Promise<unknown> {
  const python = pythonWith();
  if (python === undefined) {
    throw new Error(
      `${script} needs Python with ${conformanceModules.join(', ')}: see conformance/requirements.txt`,
    );
  }
  const { status, stdout, stderr } = await ended(python, resolve(import.meta.dirname, script), args);
  if (status !== 0) throw new Error(`${script} failed (${status ?? 'killed'}):\n${stderr.slice(-4000)}`);
  const line = stdout.trimEnd().split('\n').at(-1) ?? '';
  try {
    return JSON.parse(line) as unknown;
  } catch (cause) {
    throw new Error(`${script} printed no JSON on its last line: ${line.slice(0, 200)}`, { cause });
  }
}

interface Ended {
  /** null where it was killed. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The variable with the socket of `python-server.ts`, where that runs. */
export const pythonServerVariable = 'SAFETUNE_PYTHON_SERVER';

/** The variables that Python runs with. */
export function pythonEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1' };
}

async function ended(python: string, script: string, args: readonly string[]): Promise<Ended> {
  const server = process.env[pythonServerVariable];
  if (server === undefined) return startPython(python, script, args);
  const connection = connect(server);
  const environment = pythonEnvironment();
  const request = { script, arguments: args, directory: process.cwd(), environment };
  connection.write(`${JSON.stringify(request)}\n`);
  const answer = await text(connection);
  return answer === '' ? { status: null, stdout: '', stderr: '' } : (JSON.parse(answer) as Ended);
}

async function startPython(python: string, script: string, args: readonly string[]): Promise<Ended> {
  const child = spawn(python, [script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: pythonEnvironment(),
  });
  const status = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), status]);
  return { status: await status, stdout, stderr };
}
