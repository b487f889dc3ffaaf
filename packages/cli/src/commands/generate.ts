import { loadLoraAdapter } from '@safetune/lora';
import { answerChats, createGenerator, loadModel, loadTokenizer } from '@safetune/models';
import { strictCommand } from '../command.ts';
import { adapterDescription, adapterFolder, modelDescription, modelFolder } from '../hub-names.ts';
import { integerOption, numberOption } from '../option-values.ts';
import { modelOptions, precisionOption } from '../precision-option.ts';
import { runtimeOptionDefinitions, runtimeOptions } from '../runtime-options.ts';
import { templateOptionDefinitions, templateOptions } from '../template-options.ts';
import { isTerminal, write } from '../terminal/output.ts';
import { printable } from '../terminal/printable.ts';

/** `safetune generate`: one answer of a model, with or without an adapter, alone on stdout. */
export const generateCommand = strictCommand({
  name: 'generate',
  description: 'Answer one prompt; the answer alone goes to stdout.',
  example: 'generate --model ./model --adapter ./adapter --prompt "How do I store passwords?"',
  options: {
    model: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'DIR',
      description: modelDescription,
    },
    precision: precisionOption,
    ...runtimeOptionDefinitions,
    ...templateOptionDefinitions,
    adapter: { type: 'string', path: 'input', valueHint: 'DIR', description: adapterDescription },
    prompt: { type: 'string', required: true, valueHint: 'TEXT', description: "the user's message" },
    system: { type: 'string', valueHint: 'TEXT', description: 'a system message' },
    'max-tokens': { type: 'string', valueHint: 'N', description: 'longest answer, in tokens (default 256)' },
    temperature: {
      type: 'string',
      valueHint: 'X',
      description: 'sampling temperature; 0 takes the likeliest token (default 1)',
    },
    seed: { type: 'string', valueHint: 'N', description: 'seed of the sampling (default 0)' },
  },
  async run({ args, rawArgs }) {
    const runtime = runtimeOptions(args);
    const folder = await modelFolder(args.model);
    const model = await loadModel(folder, modelOptions(args.precision));
    const tokenizer = await loadTokenizer(folder, templateOptions(rawArgs));
    const adapter =
      args.adapter === undefined
        ? undefined
        : await loadLoraAdapter(await adapterFolder(args.adapter), { layers: model.linearLayers });
    const generator = await createGenerator(model, {
      ...runtime,
      ...(adapter === undefined ? {} : { adapter }),
    });
    const system = args.system === undefined ? [] : [{ role: 'system', content: args.system }];
    const [answer] = await answerChats(
      generator,
      tokenizer,
      [[...system, { role: 'user', content: args.prompt }]],
      {
        maxNewTokens: integerOption('max-tokens', args['max-tokens']) ?? 256,
        temperature: numberOption('temperature', args.temperature) ?? 1,
        seeds: [integerOption('seed', args.seed, 0) ?? 0],
      },
    );
    await generator.release();
    // What a model writes may hold anything: a file gets it as it is, a terminal must not be commanded by it.
    write('stdout', `${isTerminal('stdout') ? printable(answer!) : answer}\n`);
  },
});
