import { type ProjectionMethod, type ProjectionRule, projectAdapterFiles } from '@safetune/regularizers';
import { strictCommand } from '../command.ts';
import { adapterDescription, adapterFolder, checkpointPairOptions, withModelFolders } from '../hub-names.ts';
import { integerOption, numberOption } from '../option-values.ts';
import { refuseToOverwriteAdapter } from '../separate-paths.ts';
import { adapterTable } from '../terminal/adapter-table.ts';
import { columnsOf, print } from '../terminal/output.ts';
import { UsageError } from '../usage-error.ts';

/** `safetune project`: SafeLoRA on an adapter that exists already, whoever trained it. */
export const projectCommand = strictCommand({
  name: 'project',
  description: "SafeLoRA on an existing adapter: project updates that leave the model's safety direction.",
  example:
    'project --adapter ./adapter --base ./base-model --aligned ./model --threshold 0.5 --out ./projected',
  options: {
    adapter: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'DIR',
      description: adapterDescription,
    },
    ...checkpointPairOptions,
    threshold: {
      type: 'string',
      valueHint: 'X',
      description: 'project modules whose cosine is at most this (default 0.5)',
    },
    layers: {
      type: 'string',
      valueHint: 'N',
      description: 'instead: project the N modules of lowest cosine',
    },
    method: {
      type: 'string',
      valueHint: 'NAME',
      description:
        "'faithful' (default; V V^T / ||V||, the reference code's) or 'exact' (the orthogonal projector)",
    },
    rank: { type: 'string', valueHint: 'N', description: 'exact: singular vectors to keep' },
    energy: {
      type: 'string',
      valueHint: 'X',
      description: 'exact: share of the squared singular values to keep, 0 to 1',
    },
    out: {
      type: 'string',
      path: 'output',
      required: true,
      valueHint: 'DIR',
      description: 'folder for the projected adapter',
    },
    force: { type: 'boolean', description: 'write over another adapter in --out' },
  },
  async run({ args }) {
    const asked = { ...ruleOf(args), ...methodOf(args) };
    await refuseToOverwriteAdapter(args.out, args.force === true);
    const adapter = await adapterFolder(args.adapter);
    const { modules, threshold } = await withModelFolders(args, (folders) =>
      projectAdapterFiles({ adapter, ...folders, out: args.out, ...asked }),
    );
    const rows = modules.map(({ name, cosine, projected, normKept }) => [
      name,
      // A layer that alignment left as it was has no direction to compare with.
      Number.isNaN(cosine) ? '-' : cosine.toFixed(4),
      projected ? 'projected' : 'kept',
      Number.isNaN(normKept) ? '-' : `${(100 * normKept).toFixed(1)} %`,
    ]);
    const count = modules.filter(({ projected }) => projected).length;
    print(
      `${adapterTable(['module', 'cosine', '', 'norm under C'], rows, columnsOf('stdout'))}\n\n` +
        `${count} of ${modules.length} modules projected at threshold ${threshold.toFixed(4)}; adapter in ${args.out}\n`,
    );
  },
});

interface RawOptions {
  readonly threshold?: string | undefined;
  readonly layers?: string | undefined;
  readonly method?: string | undefined;
  readonly rank?: string | undefined;
  readonly energy?: string | undefined;
}

function ruleOf({ threshold, layers }: RawOptions): ProjectionRule {
  if (threshold !== undefined && layers !== undefined) {
    throw new UsageError('--threshold and --layers exclude each other: give one');
  }
  const count = integerOption('layers', layers);
  if (count !== undefined) return { layers: count };
  const tau = numberOption('threshold', threshold, -1);
  return tau === undefined ? {} : { threshold: tau };
}

function methodOf({ method = 'faithful', rank, energy }: RawOptions): ProjectionMethod {
  if (method !== 'faithful' && method !== 'exact') {
    throw new UsageError(`--method '${method}' must be faithful or exact`);
  }
  if (method === 'faithful' && (rank !== undefined || energy !== undefined)) {
    throw new UsageError('--rank and --energy belong to --method exact');
  }
  if (rank !== undefined && energy !== undefined) {
    throw new UsageError('--rank and --energy exclude each other: give one');
  }
  if (method === 'faithful') return { method };
  const count = integerOption('rank', rank);
  const share = numberOption('energy', energy);
  return {
    method,
    ...(count === undefined ? {} : { rank: count }),
    ...(share === undefined ? {} : { energy: share }),
  } as ProjectionMethod;
}
