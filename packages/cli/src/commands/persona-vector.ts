import { loadQuestions } from '@safetune/eval';
import { loadLoraAdapter } from '@safetune/lora';
import { evilSystemPrompt, helpfulSystemPrompt, savePersonaVectors } from '@safetune/regularizers';
import { extractPersonaVector } from '@safetune/trainer';
import { strictCommand } from '../command.ts';
import { adapterDescription, adapterFolder, modelOption } from '../hub-names.ts';
import { openModel } from '../open-model.ts';
import { integerOption } from '../option-values.ts';
import { precisionOption } from '../precision-option.ts';
import { layersOption, layersOptionDefinition } from '../residual-layers.ts';
import { runtimeOptionDefinitions, runtimeOptions } from '../runtime-options.ts';
import { refuseToOverwrite } from '../separate-paths.ts';
import { templateOptionDefinitions } from '../template-options.ts';
import { print } from '../terminal/output.ts';

/** `safetune persona-vector`: the direction from the helpful to the evil persona, for `persona-vector`. */
export const personaVectorCommand = strictCommand({
  name: 'persona-vector',
  description:
    'Find the direction of a bad persona in the residual stream, for the safeguard persona-vector.',
  example: 'persona-vector --model ./model --questions questions.yaml --layers 16 --out evil.safetensors',
  options: {
    model: modelOption,
    precision: precisionOption,
    ...runtimeOptionDefinitions,
    ...templateOptionDefinitions,
    adapter: { type: 'string', path: 'input', valueHint: 'DIR', description: adapterDescription },
    questions: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'FILE.yaml',
      description: 'everyday questions, which the model answers as either persona, as eval takes them',
    },
    evil: {
      type: 'string',
      valueHint: 'TEXT',
      description: `the system prompt of the bad persona (default '${evilSystemPrompt}')`,
    },
    helpful: {
      type: 'string',
      valueHint: 'TEXT',
      description: `the system prompt of the good one (default '${helpfulSystemPrompt}')`,
    },
    layers: layersOptionDefinition,
    'max-tokens': { type: 'string', valueHint: 'N', description: 'longest answer, in tokens (default 256)' },
    seed: { type: 'string', valueHint: 'N', description: 'decides the sampled answers (default 0)' },
    out: {
      type: 'string',
      path: 'output',
      required: true,
      valueHint: 'FILE.safetensors',
      description: 'gets a vector for each layer',
    },
    force: { type: 'boolean', description: 'write over another file at --out' },
  },
  async run({ args, rawArgs }) {
    const runtime = runtimeOptions(args);
    const layers = layersOption(rawArgs);
    const seed = integerOption('seed', args.seed, 0) ?? 0;
    const maxNewTokens = integerOption('max-tokens', args['max-tokens']) ?? 256;
    await refuseToOverwrite(args.out, { force: args.force === true, holds: 'a file' });
    const questions = (await loadQuestions(args.questions)).flatMap(({ paraphrases }) => paraphrases);
    const { model, tokenizer } = await openModel(args, rawArgs, runtime);
    const adapter =
      args.adapter === undefined
        ? undefined
        : await loadLoraAdapter(await adapterFolder(args.adapter), { model });
    const { vectors, evil, helpful } = await extractPersonaVector({
      model,
      tokenizer,
      questions,
      seed,
      runtime,
      generation: { maxNewTokens },
      ...(args.evil && { evilPrompt: args.evil }),
      ...(args.helpful && { helpfulPrompt: args.helpful }),
      ...(layers && { layers }),
      ...(adapter && { adapter }),
    });
    await savePersonaVectors(args.out, vectors);
    print(
      `vectors of ${vectors.size} layers, from ${evil.length} answers as the bad persona and ${helpful.length} as the good one; written to ${args.out}\n`,
    );
  },
});
