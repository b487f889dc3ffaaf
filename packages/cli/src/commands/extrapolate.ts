import { join } from 'node:path';
import { extrapolateCheckpoint } from '@safetune/regularizers';
import { strictCommand } from '../command.ts';
import { checkpointPairOptions, withModelFolders } from '../hub-names.ts';
import { choiceOption, integerOption, numberOption } from '../option-values.ts';
import { refuseToOverwrite } from '../separate-paths.ts';
import { adapterTable } from '../terminal/adapter-table.ts';
import { columnsOf, print } from '../terminal/output.ts';
import { storedTypeOption, storedTypes } from '../weight-type-option.ts';

/** `safetune extrapolate`: LoX, an aligned model that goes further the way its alignment went. */
export const extrapolateCommand = strictCommand({
  name: 'extrapolate',
  description: 'LoX, before fine-tuning: move an aligned model further along what its alignment changed.',
  example: 'extrapolate --base ./base-model --aligned ./model --rank 6 --factor 1.25 --out ./hardened',
  options: {
    ...checkpointPairOptions,
    rank: {
      type: 'string',
      valueHint: 'N|full',
      description: 'singular directions of the change to go along in each matrix (default 6)',
    },
    factor: {
      type: 'string',
      valueHint: 'X',
      description: 'how far to go: the factor on them (default 1.25)',
    },
    'blocks-only': {
      type: 'boolean',
      description:
        'leave the embedding and the output layer as they are (their sizes may then differ between the two)',
    },
    dtype: storedTypeOption,
    out: {
      type: 'string',
      path: 'output',
      required: true,
      valueHint: 'DIR',
      description: 'folder for the new model',
    },
    force: { type: 'boolean', description: 'put it in the place of another model in --out' },
  },
  async run({ args }) {
    const replace = args.force === true;
    const rank = args.rank === 'full' ? 'full' : integerOption('rank', args.rank);
    const factor = numberOption('factor', args.factor);
    const dtype = choiceOption('dtype', args.dtype, storedTypes);
    await refuseToOverwrite(join(args.out, 'config.json'), { force: replace, holds: 'a model' });
    const matrices = await withModelFolders(args, (folders) =>
      extrapolateCheckpoint({
        ...folders,
        out: args.out,
        embeddings: args['blocks-only'] !== true,
        replace,
        ...(rank === undefined ? {} : { rank }),
        ...(factor === undefined ? {} : { factor }),
        ...(dtype === undefined ? {} : { dtype }),
      }),
    );
    const rows = matrices.map(({ name, norm, energy }) => [
      name,
      norm.toPrecision(4),
      Number.isNaN(energy) ? '-' : `${(100 * energy).toFixed(1)} %`,
    ]);
    const moved = matrices.filter(({ norm }) => norm > 0).length;
    print(
      `${adapterTable(['matrix', 'change', 'gone along'], rows, columnsOf('stdout'))}\n\n` +
        `${moved} of ${matrices.length} matrices extrapolated; model in ${args.out}\n`,
    );
  },
});
