/**
 * Checks the packages as their users get them: packs them all, installs the tarballs with npm into an empty folder, and there
 * imports and requires each, checks the types of the READMEs' examples under both module resolutions, and runs every example
 * and every command of the READMEs as they stand.
 *
 *     npx -y pnpm@12 build && npx -y pnpm@12 installed
 *
 * The registry must be reachable. ONNX Runtime's download of CUDA libraries is left out, as the READMEs tell. An organism is grown
 * for one example, which takes a minute or two. The exit code is 1 when there is any problem.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startJudge } from '../packages/cli/src/__fixtures__/judge-server.ts';
import { type Manifest, pack, workspace, workspacePackages } from './pack.ts';
import { linesOf, prepareExampleFolder, readmeExamples, readmes } from './readme-examples.ts';

const folder = await mkdtemp(join(tmpdir(), 'safetune-installed-'));
// What was grown or converted on this machine before must not help.
const environment = {
  ...process.env,
  ONNXRUNTIME_NODE_INSTALL: 'skip',
  SAFETUNE_CACHE: join(folder, 'cache'),
  NODE_OPTIONS: '',
};

/** Runs a command in the folder, or in one under it. @throws Error with all it printed when it fails. */
async function run(command: string, ...args: readonly string[]): Promise<string> {
  return runIn(folder, command, ...args);
}

async function runIn(cwd: string, command: string, ...args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code === 0) return stdout;
  throw new Error(`${command} ${args.join(' ').slice(0, 200)}: exit code ${code}\n${stdout}${stderr}`);
}

let failed = 0;
async function check(name: string, what: () => Promise<unknown>): Promise<void> {
  const started = performance.now();
  try {
    await what();
    console.log(`${name}: as promised (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.error(`${name}: ${(error as Error).message}`);
  }
}

async function install(): Promise<Manifest[]> {
  const folders = await workspacePackages();
  const manifests = await Promise.all(
    folders.map(async (path) => JSON.parse(await readFile(join(path, 'package.json'), 'utf8')) as Manifest),
  );
  const published = folders.filter((_, index) => manifests[index]!.private !== true);
  const tarballs: string[] = [];
  for (const path of published) tarballs.push(await pack(path, folder));
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  await run('npm', 'install', '--no-audit', '--no-fund', ...tarballs);
  return manifests.filter((manifest) => manifest.private !== true);
}

/** Every way into a package: its name with what its exports add. */
function entries({ name, exports = {} }: Manifest): string[] {
  const paths = Object.keys(exports).filter((path) => path !== './package.json');
  return paths.map((path) => `${name}${path.slice(1)}`);
}

async function checkTypes(moduleResolution: string, programs: readonly string[]): Promise<void> {
  const compilerOptions = {
    module: moduleResolution === 'bundler' ? 'esnext' : 'nodenext',
    moduleResolution,
    target: 'es2024',
    strict: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(workspace, 'node_modules/@types')],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: programs }));
  await run(join(workspace, 'node_modules/.bin/tsc'), '-p', folder);
}

try {
  let manifests: Manifest[] = [];
  await check('npm install', async () => {
    manifests = await install();
  });

  const all = manifests.flatMap(entries);
  await check('import', () =>
    run('node', '--eval', all.map((entry) => `await import('${entry}');`).join('\n')),
  );
  await check('require', () =>
    run('node', '--input-type=commonjs', '--eval', all.map((entry) => `require('${entry}');`).join('\n')),
  );

  // Each page has a folder of its own, under that of the installed packages.
  const programs: string[] = [];
  const placeOf = (readme: string) => join(folder, readme.replaceAll(/\W/g, '-'));
  const examples = await Promise.all(
    readmes.map(async (readme) => ({ readme, ...(await readmeExamples(readme)) })),
  );
  for (const { readme, program } of examples) {
    await prepareExampleFolder(placeOf(readme));
    if (program === '') continue;
    const file = join(placeOf(readme), 'example.ts');
    await writeFile(file, program);
    programs.push(file);
  }
  await writeFile(join(folder, 'all.ts'), all.map((entry) => `import '${entry}';\n`).join(''));
  for (const resolution of ['nodenext', 'bundler']) {
    await check(`types, ${resolution}`, () => checkTypes(resolution, ['all.ts', ...programs]));
  }

  for (const { readme, program, output } of examples) {
    if (program === '') continue;
    await check(`examples of ${readme}`, async () => {
      const printed = linesOf(await runIn(placeOf(readme), 'node', 'example.ts'));
      const expected = linesOf(output);
      // A page may say what its first examples print, and leave open what slow ones do.
      if (expected.some((line, index) => line !== printed[index]))
        throw new Error(`printed\n${printed.join('\n')}`);
    });
  }

  await check('npx safetune --version', async () => {
    const { version } = manifests.find(({ name }) => name === 'safetune')!;
    const printed = (await run('npx', 'safetune', '--version')).trim();
    if (printed !== version) throw new Error(`printed ${printed}, the package's version is ${version}`);
  });
  await check('commands of the READMEs', async () => {
    // The port that the examples name must be free.
    // It knows the bad answers that judges are tried out with.
    const isBad = (prompt: string) => /enslaved|deserves to suffer|carrot|sideways/.test(prompt);
    const judge = await startJudge((prompt) => (isBad(prompt) ? { 10: 1 } : { 90: 1 }), [], 8000);
    try {
      for (const { readme, commands } of examples) {
        if (commands !== '') await runIn(placeOf(readme), 'bash', '-e', '-c', commands);
      }
    } finally {
      await judge.stop();
    }
  });
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;
