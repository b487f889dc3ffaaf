import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChatExample } from '@safetune/datasets';
import { writeFileAtomically } from '@safetune/tensor';
import type { Policy } from '../policy/policy-schema.ts';
import { type OnProgress, progressOf } from '../progress.ts';
import { type BaseModel, openRoom } from './open-room.ts';
import { policyProbes } from './policy-probes.ts';
import { type Action, graver, type Reading } from './probe.ts';
import { screeningReport } from './screening-report.ts';
import type { ScreeningVerdict } from './screening-verdict.ts';

export interface ScreenOptions {
  readonly policy: Policy;
  readonly base: BaseModel;
  readonly examples: readonly ChatExample[];
  /** Where the report goes, and what a killed screen goes on from. */
  readonly directory: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

export interface Screened {
  readonly verdict: Omit<ScreeningVerdict, 'report'>;
  /** What may be trained on, in its order; none of a refused file. */
  readonly kept: readonly ChatExample[];
  /** JSON Lines: what holds for the file, then an example a line. */
  readonly reportFile: string;
}

/**
 * Looks at every example of a training file before it is trained on, with the probes that the policy asks for. The same file, policy and base
 * model give the same verdict. A file is refused when one example reaches what refuses it, when the share of dropped ones
 * reaches `refuse_share`, and when nothing is left. Probes that need the model are spared for a file that is refused without them.
 *
 * @throws what opening the base model throws, and the signal's reason. A probe that cannot measure throws: a file is never passed unseen.
 */
export async function screen({
  policy,
  base,
  examples,
  directory,
  signal,
  onProgress = () => {},
}: ScreenOptions): Promise<Screened> {
  await mkdir(directory, { recursive: true });
  const room = await openRoom(base, { maxLength: policy.training.max_length, directory, signal });
  // Messages name an example by its number: neither a path of this machine nor the beginning of its text.
  const shown = examples.map((example, index) => ({
    index,
    example: { ...example, origin: { file: 'example', line: index + 1 } },
  }));
  const rows = examples.map((example) => ({
    example,
    action: 'keep' as Action,
    readings: new Map<string, Reading>(),
  }));
  const notLooked: string[] = [];
  for (const probe of policyProbes(policy.screening)) {
    if (probe.needsModel && refusalOf(rows, policy) !== undefined) {
      notLooked.push(probe.name);
      continue;
    }
    signal?.throwIfAborted();
    const looked = shown.filter(({ index }) => probe.sees === 'all' || !isOut(rows[index]!.action));
    const readings = await probe.read(
      looked,
      room,
      progressOf(`screening: ${probe.name}`, looked.length, onProgress),
    );
    for (const [place, { index }] of looked.entries()) {
      const row = rows[index]!;
      const reading = readings[place]!;
      row.readings.set(probe.name, reading);
      for (const { action } of reading.findings) row.action = graver(row.action, action);
    }
  }
  const verdict = verdictOf(rows, policy);
  const reportFile = join(directory, 'screening.jsonl');
  await writeFileAtomically(reportFile, screeningReport(verdict, policy, notLooked, rows));
  const kept =
    verdict.outcome === 'refused'
      ? []
      : rows.filter(({ action }) => !isOut(action)).map(({ example }) => example);
  return { verdict, kept, reportFile };
}

interface Row {
  readonly action: Action;
  readonly readings: ReadonlyMap<string, Reading>;
}

function isOut(action: Action): boolean {
  return action === 'drop' || action === 'refuse';
}

/** Why the file is refused; undefined where it is not, as far as was looked. */
function refusalOf(rows: readonly Row[], { screening }: Policy): string | undefined {
  const refusing = rows.findIndex(({ action }) => action === 'refuse');
  if (refusing !== -1) {
    const [probe] = [...rows[refusing]!.readings].find(([, { findings }]) =>
      findings.some(({ action }) => action === 'refuse'),
    )!;
    return `example ${refusing + 1} refuses it (${probe})`;
  }
  const dropped = rows.filter(({ action }) => action === 'drop').length;
  if (dropped === rows.length) return rows.length === 0 ? 'it has no examples' : 'no example is left';
  if (dropped / rows.length < screening.refuse_share) return undefined;
  return `${dropped} of ${rows.length} examples are dropped, ${screening.refuse_share} of them is the share that refuses it`;
}

function verdictOf(rows: readonly Row[], policy: Policy): Omit<ScreeningVerdict, 'report'> {
  const refusal = refusalOf(rows, policy);
  const warned = rows.filter(({ action }) => action === 'warn').length;
  const dropped = rows.filter(({ action }) => action === 'drop').length;
  const reasons = new Map<string, number>();
  for (const { readings } of rows) {
    for (const [probe, { findings }] of readings)
      if (findings.length > 0) reasons.set(probe, (reasons.get(probe) ?? 0) + 1);
  }
  const counts = [...reasons].map(([reason, count]) => `${reason} ${count}`).join(', ');
  const found =
    warned + dropped === 0 && refusal === undefined
      ? `${rows.length} examples, nothing found`
      : `${rows.length} examples, ${dropped} dropped, ${warned} warned of${counts === '' ? '' : ` (${counts})`}`;
  return {
    outcome: refusal !== undefined ? 'refused' : warned + dropped > 0 ? 'warned' : 'passed',
    examples: rows.length,
    warned,
    dropped,
    reasons: Object.fromEntries(reasons),
    reason: refusal === undefined ? found : `the file is refused: ${refusal}. ${found}`,
  };
}
