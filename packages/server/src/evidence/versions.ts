import { createRequire } from 'node:module';

const packages = ['server', 'datasets', 'eval', 'lora', 'models', 'regularizers', 'tensor', 'trainer'];

/** Versions of what made a model: Node, ONNX Runtime and SafeTune's packages. */
export function versions(): Record<string, string> {
  const require = createRequire(import.meta.url);
  const versionOf = (name: string, from = require) =>
    (from(`${name}/package.json`) as { readonly version: string }).version;
  const ofTensor = createRequire(require.resolve('@safetune/tensor/package.json'));
  return {
    node: process.versions.node,
    ...Object.fromEntries(packages.map((name) => [`@safetune/${name}`, versionOf(`@safetune/${name}`)])),
    'onnxruntime-node': versionOf('onnxruntime-node', ofTensor),
  };
}
