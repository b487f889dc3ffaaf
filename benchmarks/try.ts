import { createLoraAdapter } from '@safetune/lora';
import { loadModel } from '@safetune/models';
import { kl } from '@safetune/regularizers';
import { compileTrainStep, trainAdapter } from '@safetune/trainer';
import { padBatch } from '@safetune/datasets';
const [length = '256', useKl = '0', threads = '2', n = '3'] = process.argv.slice(2);
const T = Number(length);
const t0 = performance.now();
const model = await loadModel('/tmp/q05');
console.log('load', performance.now() - t0);
const adapter = createLoraAdapter(model.linearLayers, { r: 32, lora_alpha: 64, target_modules: 'all-linear' });
const t1 = performance.now();
const step = await compileTrainStep({ model, trainable: trainAdapter(adapter), regularizers: useKl === '1' ? [kl()] : [], recompute: process.argv[6] === "1", runtime: { threads: Number(threads) } });
console.log('compile', performance.now() - t1);
const batch = padBatch([{ tokenIds: Int32Array.from({ length: T }, (_, i) => (i * 7919) % 151936), responseMask: new Uint8Array(T).fill(1, 1), tags: [] }], { padTokenId: 0 });
for (let i = 0; i < Number(n); i++) { const t = performance.now(); const c = process.cpuUsage(); const r = await step.run(batch); const u = process.cpuUsage(c); console.log('step', Math.round(performance.now() - t), 'cpu', Math.round((u.user + u.system) / 1000), r.loss, 'rss', Math.round(process.memoryUsage().rss / 1e6), 'max', Math.round(process.resourceUsage().maxRSS / 1e3)); }
