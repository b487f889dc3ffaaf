import { type CausalLm, loadModel, loadTokenizer, type Tokenizer } from '@safetune/models';
import { modelFolder } from './hub-names.ts';
import { modelOptions, tellPrecision } from './precision-option.ts';
import { templateOptions } from './template-options.ts';

/** What `--model` names, opened. */
export interface OpenedModel {
  readonly model: CausalLm;
  readonly tokenizer: Tokenizer;
}

/** Opens what `--model` names in the precision of `--precision`, which is told, with its tokenizer under the template of the options. */
export async function openModel(
  args: { readonly model: string; readonly precision?: string | undefined },
  rawArgs: readonly string[],
  runtime: Parameters<typeof tellPrecision>[1],
): Promise<OpenedModel> {
  const folder = await modelFolder(args.model);
  const model = await loadModel(folder, modelOptions(args.precision));
  await tellPrecision(model, runtime);
  return { model, tokenizer: await loadTokenizer(folder, templateOptions(rawArgs)) };
}
