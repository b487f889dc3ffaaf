import { combinationTypes } from '@safetune/lora';
import { type SafeMergeOptions, safeMergeFiles } from '@safetune/regularizers';
import { strictCommand } from '../command.ts';
import { adapterDescription, adapterFolder, checkpointPairOptions, withModelFolders } from '../hub-names.ts';
import { choiceOption, integerOption, numberOption } from '../option-values.ts';
import { refuseToOverwriteAdapter } from '../separate-paths.ts';
import { adapterTable } from '../terminal/adapter-table.ts';
import { columnsOf, print } from '../terminal/output.ts';

/** `safetune safe-merge`: SafeMERGE, a safe adapter where a fine-tuned one has left the direction of alignment. */
export const safeMergeCommand = strictCommand({
  name: 'safe-merge',
  description:
    'SafeMERGE on two adapters: where the first leaves the safety direction, merge it with the safe one.',
  example:
    'safe-merge --adapter ./adapter --safe ./safe-adapter --base ./base-model --aligned ./model --out ./merged',
  options: {
    adapter: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'DIR',
      description: `the fine-tuned one: ${adapterDescription}`,
    },
    safe: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'DIR',
      description: 'likewise, trained on safe answers with the same options',
    },
    ...checkpointPairOptions,
    threshold: {
      type: 'string',
      valueHint: 'X',
      description: 'merge modules whose cosine is below this (default 0.35)',
    },
    share: {
      type: 'string',
      valueHint: 'X',
      description: "the safe adapter's share of a merged module, 0 to 1 (default 0.2)",
    },
    combination: {
      type: 'string',
      valueHint: 'TYPE',
      description: `how two are added: linear (default; factor by factor, of equal ranks), svd or cat (the updates), or one of peft's others, ${combinationTypes.filter((type) => !['linear', 'svd', 'cat'].includes(type)).join(', ')}`,
    },
    density: { type: 'string', valueHint: 'X', description: 'share of values that types which prune keep' },
    seed: { type: 'string', valueHint: 'N', description: 'decides what the dare types drop (default 0)' },
    out: {
      type: 'string',
      path: 'output',
      required: true,
      valueHint: 'DIR',
      description: 'folder for the merged adapter',
    },
    force: { type: 'boolean', description: 'write over another adapter in --out' },
  },
  async run({ args }) {
    const asked = given({
      threshold: numberOption('threshold', args.threshold, -1, 1),
      share: numberOption('share', args.share, 0, 1),
      combination_type: choiceOption('combination', args.combination, combinationTypes),
      density: numberOption('density', args.density, 0, 1),
      seed: integerOption('seed', args.seed, 0),
    });
    await refuseToOverwriteAdapter(args.out, args.force === true);
    const adapters = { adapter: await adapterFolder(args.adapter), safe: await adapterFolder(args.safe) };
    const modules = await withModelFolders(args, (folders) =>
      safeMergeFiles({ ...adapters, ...folders, ...asked, out: args.out }),
    );
    const rows = modules.map(({ name, cosine, merged }) => [
      name,
      // A layer that alignment left as it was has no direction to compare with.
      Number.isNaN(cosine) ? '-' : cosine.toFixed(4),
      merged ? 'merged' : 'kept',
    ]);
    const count = modules.filter(({ merged }) => merged).length;
    print(
      `${adapterTable(['module', 'cosine', ''], rows, columnsOf('stdout'))}\n\n` +
        `${count} of ${modules.length} modules merged with the safe adapter; adapter in ${args.out}\n`,
    );
  },
});

type Asked = Pick<SafeMergeOptions, 'threshold' | 'share' | 'combination_type' | 'density' | 'seed'>;

/** The options that were given. */
function given(values: { readonly [Name in keyof Asked]: Asked[Name] | undefined }): Asked {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
