/**
 * Around a run of the tests: one Python with torch, transformers and peft in memory, of which `runPython` has a copy for each
 * script. To import them takes longer than what most scripts do. It is started for the first script that is run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pythonEnvironment, pythonServerVariable, pythonWith } from './python.ts';

/** What a path of a socket may have in bytes everywhere. */
const longestAddress = 100;

export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'safetune-python-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  const address = join(folder, 'tests');
  // Scripts are then started one by one.
  if (process.platform === 'win32' || Buffer.byteLength(address) > longestAddress) return remove;
  const ofPython = join(folder, 'python');
  let child: ChildProcess | undefined;
  const start = async () => {
    child = spawn(pythonWith()!, [join(import.meta.dirname, 'python_server.py'), ofPython], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: pythonEnvironment(),
    });
    await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')]);
  };
  let started: Promise<void> | undefined;
  const server = createServer((test) => {
    test.on('error', () => {});
    started ??= start();
    void started.then(() => bridge(test, connect(ofPython)));
  });
  server.listen(address);
  await once(server, 'listening');
  process.env[pythonServerVariable] = address;
  return async () => {
    server.close();
    if (child !== undefined && child.exitCode === null) {
      child.stdin!.end();
      await once(child, 'exit');
    }
    await remove();
  };
}

function bridge(test: Socket, python: Socket): void {
  test.pipe(python).pipe(test);
  test.on('error', () => python.destroy());
  python.on('error', () => test.destroy());
}
