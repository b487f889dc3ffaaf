import { spawn, spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { useTemporaryDirectory } from './safetensors/__fixtures__/temporary-directory.ts';

const directory = useTemporaryDirectory();
const index = JSON.stringify(join(import.meta.dirname, 'index.ts'));

/** Runs one session, then prints the sockets that are new in the process, and what native code finds in its environment. */
const session = `
import { readdirSync, readlinkSync } from 'node:fs';
const sockets = () => (process.platform !== 'linux' ? [] : readdirSync('/proc/self/fd').map((descriptor) => {
  try { return readlinkSync('/proc/self/fd/' + descriptor); } catch { return ''; }
})).filter((link) => link.startsWith('socket:'));
const before = sockets();
const { add, compile, hostArray, tensorType } = await import(${index});
const double = await compile(({ x }) => ({ y: add(x, x) }), { x: tensorType('float32', [1]) });
const { y } = await double.run({ x: hostArray(Float32Array.of(21), [1]) });
await double.release();
await new Promise((resolve) => setTimeout(resolve, 500));
console.log(JSON.stringify({
  result: y.data[0],
  sockets: sockets().filter((link) => !before.includes(link)),
  native: process.report.getReport().environmentVariables.ORT_DISABLE_TELEMETRY,
}));
`;

const inWorker = (before: string) => `
import { Worker } from 'node:worker_threads';
${before}
await new Promise((resolve) => {
  new Worker(new URL('./session.ts', import.meta.url), { execArgv: ['--conditions=safetune-source'] }).on('exit', resolve);
});
`;

const programs: Readonly<Record<string, string>> = {
  'the main thread': "import './session.ts';",
  'a worker that nothing but itself tells of the library': inWorker(''),
  'a worker of a program that uses the library too': inWorker("await import('./session.ts');"),
};

const straces = spawnSync('strace', ['-V']).status === 0;

/** Runs a program with empty home and temporary folders; gives what it printed and every file that it left in them. */
async function run(program: string, environment: Readonly<Record<string, string>> = {}) {
  const [home, temporary] = [join(directory(), 'home'), join(directory(), 'temporary')];
  await Promise.all([home, temporary].map((folder) => mkdir(folder, { recursive: true })));
  await writeFile(join(directory(), 'session.ts'), session);
  await writeFile(join(directory(), 'program.ts'), program);
  await writeFile(join(directory(), 'package.json'), '{ "type": "module" }');
  const trace = join(directory(), 'calls');
  const command = [process.execPath, '--conditions=safetune-source', join(directory(), 'program.ts')];
  const [file, ...parameters] = straces
    ? ['strace', '-f', '-qq', '-e', 'trace=connect', '-e', 'signal=none', '-o', trace, ...command]
    : command;
  const child = spawn(file!, parameters, {
    env: {
      PATH: process.env.PATH ?? '',
      HOME: home,
      USERPROFILE: home,
      TMPDIR: temporary,
      TMP: temporary,
      TEMP: temporary,
      ...environment,
    },
  });
  let [printed, complaints] = ['', ''];
  child.stdout.on('data', (chunk) => {
    printed += chunk;
  });
  child.stderr.on('data', (chunk) => {
    complaints += chunk;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect({ code, complaints: complaints.replace(/^.*ExperimentalWarning.*\n.*\n/gm, '') }).toEqual({
    code: 0,
    complaints: '',
  });
  const left = await Promise.all([home, temporary].map((folder) => readdir(folder, { recursive: true })));
  return {
    reports: printed
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    left: left.flat(),
    connections: straces ? (await readFile(trace, 'utf8')).trim() : '',
  };
}

describe.each(Object.entries(programs))('a session in %s', (_name, program) => {
  it('opens no socket and leaves no file', async () => {
    const { reports, left, connections } = await run(program);
    expect(reports.length).toBeGreaterThan(0);
    for (const report of reports) expect(report).toEqual({ result: 42, sockets: [], native: '1' });
    expect(left).toEqual([]);
    expect(connections).toBe('');
  });

  it('leaves the decision to an environment that makes one', async () => {
    // Another word that the library takes for yes: with a no, this test would send something.
    const { reports, left } = await run(program, { ORT_DISABLE_TELEMETRY: 'true' });
    for (const report of reports) expect(report).toMatchObject({ result: 42, native: 'true' });
    expect(left).toEqual([]);
  });

  it('takes an empty value for none', async () => {
    const { reports, left } = await run(program, { ORT_DISABLE_TELEMETRY: '' });
    for (const report of reports) expect(report).toMatchObject({ result: 42, native: '1' });
    expect(left).toEqual([]);
  });
});
