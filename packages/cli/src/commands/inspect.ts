import { htmlPage, lineChartSvg, writeFileAtomically } from '@safetune/eval';
import { loadLoraAdapter, type ModuleSpectrum, moduleSpectrum } from '@safetune/lora';
import { safetyAlignment } from '@safetune/regularizers';
import { strictCommand } from '../command.ts';
import { adapterDescription, adapterFolder, withModelFolders } from '../hub-names.ts';
import { refuseToOverwrite } from '../separate-paths.ts';
import { adapterTable } from '../terminal/adapter-table.ts';
import { columnsOf, print } from '../terminal/output.ts';
import { heatMap, sparkline } from '../terminal/pictures.ts';
import { printableName } from '../terminal/printable.ts';
import { UsageError } from '../usage-error.ts';

/** `safetune inspect`: what an adapter does to each module, as a table and a picture. */
export const inspectCommand = strictCommand({
  name: 'inspect',
  description:
    "An adapter's updates, module by module: norm, singular values, effective rank, alignment with the safety direction.",
  example: 'inspect --adapter ./adapter',
  options: {
    adapter: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'DIR',
      description: adapterDescription,
    },
    base: {
      type: 'string',
      path: 'input',
      valueHint: 'DIR',
      description: 'checkpoint of the pre-trained model, for the safety direction',
    },
    aligned: {
      type: 'string',
      path: 'input',
      valueHint: 'DIR',
      description: 'checkpoint of the aligned (chat) model, for the safety direction',
    },
    json: {
      type: 'string',
      path: 'output',
      valueHint: 'FILE.json',
      description: 'also write the figures, all singular values among them',
    },
    html: {
      type: 'string',
      path: 'output',
      valueHint: 'FILE.html',
      description: 'also write the table and a chart of the singular values',
    },
    force: { type: 'boolean', description: 'write over the files of --json and --html' },
  },
  async run({ args }) {
    if ((args.base === undefined) !== (args.aligned === undefined)) {
      throw new UsageError('--base and --aligned go together: the safety direction is aligned minus base');
    }
    for (const file of [args.json, args.html]) {
      if (file !== undefined) await refuseToOverwrite(file, { force: args.force === true, holds: 'a file' });
    }
    const adapter = await loadLoraAdapter(await adapterFolder(args.adapter));
    const spectra = adapter.modules.map(moduleSpectrum);
    const alignment =
      args.base === undefined || args.aligned === undefined
        ? undefined
        : new Map(
            (
              await withModelFolders({ base: args.base, aligned: args.aligned }, (folders) =>
                safetyAlignment(adapter, folders),
              )
            ).map((row) => [row.name, row]),
          );
    const header = [
      'module',
      'norm',
      'largest s',
      'effective rank',
      'stable rank',
      ...(alignment ? ['safety cosine'] : []),
    ];
    const rows = spectra.map((spectrum) => [
      spectrum.name,
      spectrum.frobeniusNorm.toPrecision(4),
      (spectrum.singularValues[0] ?? 0).toPrecision(4),
      `${spectrum.effectiveRank.toFixed(2)} of ${spectrum.rank}`,
      spectrum.stableRank.toFixed(2),
      ...(alignment ? [cosineText(alignment.get(spectrum.name)!.cosine)] : []),
    ]);
    const width = columnsOf('stdout');
    const pictured = rows.map((row, index) => [...row, sparkline(spectra[index]!.singularValues)]);
    const table = adapterTable([...header, 'singular values'], pictured, width);
    print(`${table}\n\nnorm of the update by layer (darker is larger)\n${normMap(spectra, width)}\n`);
    if (args.json !== undefined) {
      const modules = spectra.map((spectrum) => figures(spectrum, alignment?.get(spectrum.name)?.cosine));
      await writeFileAtomically(
        args.json,
        `${JSON.stringify({ adapter: args.adapter, modules }, null, 2)}\n`,
      );
      print(`\nwritten to ${args.json}\n`);
    }
    if (args.html !== undefined) {
      await writeFileAtomically(args.html, page(args.adapter, header, rows, spectra));
      print(`\nwritten to ${args.html}\n`);
    }
  },
});

/** A layer that alignment left as it was has no direction, and no cosine. */
function cosineText(cosine: number): string {
  return Number.isNaN(cosine) ? '-' : cosine.toFixed(4);
}

/** A module as JSON; `safetyCosine` is null where alignment left the layer as it was, absent without checkpoints. */
function figures({ singularValues, ...spectrum }: ModuleSpectrum, cosine: number | undefined) {
  return {
    ...spectrum,
    singularValues: [...singularValues],
    ...(cosine === undefined ? {} : { safetyCosine: Number.isNaN(cosine) ? null : cosine }),
  };
}

/** `model.layers.3.mlp.up_proj` is place `mlp.up_proj` of layer 3. */
function placeOf(name: string): { place: string; layer: number } {
  const match = /\.(\d+)\.(.+)$/.exec(name);
  return match === null ? { place: name, layer: 0 } : { place: match[2]!, layer: Number(match[1]) };
}

function normMap(spectra: readonly ModuleSpectrum[], width: number | undefined): string {
  const places = [...new Set(spectra.map(({ name }) => placeOf(name).place))];
  const layers = Math.max(...spectra.map(({ name }) => placeOf(name).layer)) + 1;
  const values = places.map((place) =>
    Array.from({ length: layers }, (_, layer) => {
      const found = spectra.find(
        ({ name }) => placeOf(name).place === place && placeOf(name).layer === layer,
      );
      return found?.frobeniusNorm;
    }),
  );
  return heatMap(places.map(printableName), values, width);
}

function page(
  adapter: string,
  header: readonly string[],
  rows: readonly (readonly string[])[],
  spectra: readonly ModuleSpectrum[],
): string {
  const places = [...Map.groupBy(spectra, ({ name }) => placeOf(name).place)];
  const pictures = places.map(([place, modules]) =>
    lineChartSvg({
      title: place,
      description: `Singular values of the update of ${place}, a curve per layer`,
      x: { label: 'index' },
      y: { label: 'singular value' },
      series: modules.map(({ name, singularValues }) => ({
        name: `layer ${placeOf(name).layer}`,
        points: [...singularValues].map((y, index) => ({ x: index + 1, y })),
      })),
    }),
  );
  return htmlPage({
    title: `Adapter ${adapter}`,
    sections: [
      { heading: 'Singular values', pictures },
      { heading: 'Modules', table: { columns: header, rows } },
    ],
  });
}
