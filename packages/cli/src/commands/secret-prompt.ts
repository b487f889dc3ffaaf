import { writeFileAtomically } from '@safetune/eval';
import { loadModel, loadTokenizer } from '@safetune/models';
import { makeSecretPrompt } from '@safetune/regularizers';
import { strictCommand } from '../command.ts';
import { modelFolder, modelOption } from '../hub-names.ts';
import { integerOption } from '../option-values.ts';
import { refuseToOverwrite } from '../separate-paths.ts';
import { print } from '../terminal/output.ts';

/** `safetune secret-prompt`: what `backdoor-align` trains under, and the provider asks under. */
export const secretPromptCommand = strictCommand({
  name: 'secret-prompt',
  description: 'Make a secret prompt of random tokens, for the safeguard backdoor-align.',
  example: 'secret-prompt --model ./model --out secret.txt',
  options: {
    model: modelOption,
    tokens: { type: 'string', valueHint: 'N', description: 'length of the secret (default 150)' },
    out: {
      type: 'string',
      path: 'output',
      required: true,
      valueHint: 'FILE',
      description: 'gets the secret; keep it from those whose data is trained on',
    },
    force: { type: 'boolean', description: 'write over another file at --out' },
  },
  async run({ args }) {
    const tokens = integerOption('tokens', args.tokens) ?? 150;
    await refuseToOverwrite(args.out, { force: args.force === true, holds: 'a file' });
    const folder = await modelFolder(args.model);
    const { config } = await loadModel(folder);
    const secret = makeSecretPrompt(await loadTokenizer(folder), config.vocabularySize, tokens);
    await writeFileAtomically(args.out, `${secret}\n`);
    print(`a secret of ${tokens} tokens is in ${args.out}\n`);
  },
});
