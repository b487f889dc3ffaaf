#!/usr/bin/env node
// Nothing modern is imported before the version is known: an old Node must get a sentence, not a syntax error.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 12)) {
  process.stderr.write(
    `safetune: Node.js ${process.versions.node} is too old; safetune needs 22.12 or newer (https://nodejs.org)\n`,
  );
  process.exitCode = 1;
} else {
  const { supervise } = await import('./supervise.ts');
  process.exitCode = await supervise(process.argv.slice(2));
}

export {};
