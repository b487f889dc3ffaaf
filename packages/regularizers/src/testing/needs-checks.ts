import {
  declaredOffer,
  inputsBehind,
  type Offer,
  offerSignature,
  tracePenalty,
} from '../host-arrays/penalty-inputs.ts';
import { traceTaskLoss } from '../host-arrays/task-loss.ts';
import type { Regularizer, RegularizerNeeds } from '../interface/regularizer.ts';
import { gradientArrays, largestDifference, withPenalty } from './penalty-runs.ts';
import { withGarbage } from './sample-outputs.ts';
import { type Assert, type ContractCheck, check, type SampleModel, type Subject } from './subject.ts';

const nothing: Offer = {
  referenceLogits: false,
  hiddenStates: [],
  referenceHiddenStates: [],
  tags: [],
  extents: {},
};
const alwaysThere: ReadonlySet<string> = new Set(Object.keys(offerSignature(nothing)));

/** Needs declared = needs used: a trainer computes what is declared, no more, and nothing in vain. */
export function needsChecks(subject: Subject): ContractCheck[] {
  return [
    check(subject, 'uses what its needs declare, and nothing else', async (regularizer, assert) => {
      const { needs = {}, penalty, penaltyPerRow, taskLossPerRow } = regularizer;
      const isPenalty = (penalty ?? penaltyPerRow) !== undefined;
      if (!isPenalty && taskLossPerRow === undefined) {
        assert(Object.keys(needs).length === 0, 'declares needs but has no hook that could use them');
        return;
      }
      const comparing = needs.referenceLogits === true || needs.referenceHiddenStates !== undefined;
      assert(
        comparing || needs.reference === undefined,
        'names a reference but declares neither its logits nor its hidden states',
      );
      const declared = declaredOffer(regularizer, subject.model);
      const offer = generousOffer(declared, needs, subject.model);
      const used = [
        ...(isPenalty ? tracePenalty(regularizer, offer).used : []),
        ...(taskLossPerRow === undefined ? [] : usedByTaskLoss(regularizer, offer)),
      ];
      const wanted = offeredNames(declared);
      const undeclared = used.find((name) => !alwaysThere.has(name) && !wanted.includes(name));
      assert(undeclared === undefined, `uses ${undeclared}, which its needs do not declare`);
      const idle = wanted.find((name) => !used.includes(name));
      assert(idle === undefined, `declares ${idle} but does not use it: it would be computed in vain`);
      if (needs.rows !== 'all') return;
      assert(isPenalty, "declares rows: 'all', but the task trains response rows alone");
      await requireAllRows(regularizer, subject.model, assert);
    }),
  ];
}

function usedByTaskLoss(regularizer: Regularizer, offer: Offer): string[] {
  const { perRow, tensors } = traceTaskLoss(regularizer, offer);
  return inputsBehind(perRow, tensors);
}

/** Everything a forward pass has; but of what is declared only that, as trainers narrow it. */
function generousOffer(declared: Offer, needs: RegularizerNeeds, { layerCount }: SampleModel): Offer {
  const every = Array.from({ length: layerCount + 1 }, (_, layer) => layer);
  return {
    ...declared,
    referenceLogits: true,
    hiddenStates: needs.hiddenStates === undefined ? every : declared.hiddenStates,
    referenceHiddenStates: needs.referenceHiddenStates === undefined ? every : declared.referenceHiddenStates,
  };
}

/** The graph inputs that an offer adds to those that are always there. */
function offeredNames(offer: Offer): string[] {
  return Object.keys(offerSignature(offer)).filter((name) => !alwaysThere.has(name));
}

async function requireAllRows(regularizer: Regularizer, model: SampleModel, assert: Assert): Promise<void> {
  await withPenalty(regularizer, model, async (penalty, outputs) => {
    const changed = withGarbage(outputs.logits, outputs.responseMask, (index) => (index % 3) - 1);
    const [before, after] = [await penalty.run(outputs), await penalty.run({ ...outputs, logits: changed })];
    const differs =
      before.value !== after.value ||
      [...gradientArrays(before)].some(
        ([key, array]) => largestDifference(array, gradientArrays(after).get(key)!) > 0,
      );
    assert(differs, `declares rows: 'all' but only response rows matter to it`);
  });
}
