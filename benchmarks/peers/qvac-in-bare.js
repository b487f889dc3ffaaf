/** Trains LoRA with @qvac/llm-llamacpp. Run by Bare, for which that package is made; see qvac.ts. */
const given = JSON.parse(Bare.argv[2]);
const LlmLlamacpp = require(given.package);

async function main() {
  const model = new LlmLlamacpp({
    files: { model: [given.model] },
    config: {
      device: 'cpu',
      gpu_layers: '0',
      ctx_size: String(2 * given.tokens),
      threads: String(given.threads),
    },
    logger: null,
    opts: {},
  });
  await model.load();
  console.log(JSON.stringify({ loaded: true }));
  const training = await model.finetune({
    trainDatasetDir: given.data,
    validation: { type: 'none' },
    outputParametersDir: given.output,
    checkpointSaveDir: given.output,
    contextLength: given.tokens,
    batchSize: given.tokens,
    microBatchSize: given.tokens,
    loraModules: 'attn_q,attn_k,attn_v,attn_o,ffn_gate,ffn_up,ffn_down',
    loraRank: given.rank,
    loraAlpha: 2 * given.rank,
    lrScheduler: 'constant',
  });
  training.on('stats', ({ global_steps: step, loss }) => console.log(JSON.stringify({ step, loss })));
  await training.await();
  Bare.exit(0);
}

main().catch((error) => {
  console.error(error.message);
  // It does not end by itself after an error.
  Bare.exit(1);
});
