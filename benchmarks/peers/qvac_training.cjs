/**
 * Fine-tunes a GGUF model with @qvac/llm-llamacpp and prints the lines of programs/lines.ts, and `ended` when nothing more
 * comes. Run by Bare, for which that package is made; qvac.ts starts it, and ends it: after an error it hangs, also in Bare.exit.
 */
const started = Date.now();
const given = JSON.parse(Bare.argv[2]);
const os = require(`${given.modules}/bare-os`);
const LlmLlamacpp = require(`${given.modules}/@qvac/llm-llamacpp`);

const say = (line) => console.log(JSON.stringify(line));
const clock = () => {
  const { user, system } = os.cpuUsage();
  return { wall: Date.now() / 1000, cpu: (user + system) / 1e6 };
};

async function train() {
  const model = new LlmLlamacpp({
    files: { model: [given.gguf] },
    config: { device: 'cpu', gpu_layers: '0', ctx_size: `${given.tokens}`, threads: `${given.threads}` },
    // Without it no event tells of a step.
    opts: { stats: true },
  });
  await model.load();
  say({ type: 'ready', seconds: (Date.now() - started) / 1000 });
  let before = clock();
  let events = 0;
  const training = await model.finetune({
    trainDatasetDir: given.text,
    validation: { type: 'none' },
    outputParametersDir: `${given.work}/adapter`,
    checkpointSaveDir: `${given.work}/checkpoints`,
    // A step takes as many positions as the three say.
    contextLength: given.tokens,
    batchSize: given.tokens,
    microBatchSize: given.tokens,
    loraModules: 'attn_q,attn_k,attn_v,attn_o,ffn_gate,ffn_up,ffn_down',
    loraRank: given.rank,
    loraAlpha: 2 * given.rank,
    learningRate: 1e-4,
    lrScheduler: 'constant',
  });
  training.on('stats', () => {
    const after = clock();
    const [seconds, cpuSeconds] = [after.wall - before.wall, after.cpu - before.cpu];
    before = after;
    if (events++ < given.warmUp) return;
    say({ type: 'step', seconds, cpuSeconds, peakBytes: os.resourceUsage().maxRSS * 1024 });
  });
  await training.await();
  return 'the text was too short for the steps';
}

train().then(
  (reason) => say({ type: 'ended', reason }),
  (error) => say({ type: 'ended', reason: error.message }),
);
