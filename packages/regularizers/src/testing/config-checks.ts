import { isDeepStrictEqual } from 'node:util';
import { nearestName } from '@safetune/datasets';
import { hooks, regularizerFields } from '../interface/check-regularizer.ts';
import type { Regularizer } from '../interface/regularizer.ts';
import { shown } from '../interface/shown.ts';
import { withPenalty } from './penalty-runs.ts';
import { type Assert, type ContractCheck, check, type Subject } from './subject.ts';

/** Fields that change training; `beforeTraining` only makes ready for them, `contents` tells what they depend on. */
const acting = regularizerFields
  .filter(
    (field) =>
      !['name', 'config', 'needs', 'weight', 'editedLayers', 'meanOver', 'inferencePrompt'].includes(field),
  )
  .filter((field) => !['contents', 'beforeTraining', 'saveState', 'restoreState'].includes(field));

/** What every regularizer says of itself. */
export function configChecks(subject: Subject): ContractCheck[] {
  return [
    check(
      subject,
      'has a name and at least one hook, and no member that no trainer calls',
      (made, assert) => {
        assert(typeof made.name === 'string' && made.name !== '', 'has no name');
        requireHooks(made, assert);
        assert(
          acting.some((field) => made[field] !== undefined),
          `has none of the hooks ${acting.join(', ')}`,
        );
        const stray = Object.keys(made).find(
          (member) => !regularizerFields.some((field) => field === member),
        );
        const nearest = stray === undefined ? undefined : nearestName(stray, regularizerFields);
        const hint = nearest === undefined ? 'a misspelt hook?' : `did you mean '${nearest}'?`;
        assert(stray === undefined, `has a member '${stray}', which is not of a Regularizer: ${hint}`);
      },
    ),
    check(subject, 'comes back the same from its config', (made, assert) => roundTrip(made, subject, assert)),
  ];
}

/** Not a function, a hook fails only where it is called. */
function requireHooks(made: Regularizer, assert: Assert): void {
  for (const hook of hooks) {
    const value: unknown = made[hook];
    assert(
      value === undefined || typeof value === 'function',
      `its ${hook} is ${shown(value)}, must be a function`,
    );
  }
}

async function roundTrip(made: Regularizer, subject: Subject, assert: Assert): Promise<void> {
  assert(
    typeof made.config === 'object' && made.config !== null,
    `its config is ${shown(made.config)}, must be an object with its type and options`,
  );
  const written = JSON.parse(JSON.stringify(made.config)) as Regularizer['config'];
  assert(typeof written.type === 'string' && written.type !== '', 'its config has no type');
  assert(
    isDeepStrictEqual(written, made.config),
    `its config is not plain JSON: ${JSON.stringify(made.config)}`,
  );
  const again = await subject.fromConfig(written);
  const same = (what: string, a: unknown, b: unknown) =>
    assert(
      isDeepStrictEqual(a, b),
      `its ${what} is ${JSON.stringify(a)}, but ${JSON.stringify(b)} once made from its config`,
    );
  same('config', made.config, again.config);
  same('name', made.name, again.name);
  same('weight', made.weight, again.weight);
  same('needs', made.needs, again.needs);
  same('list of hooks', hooksOf(made), hooksOf(again));
  if (made.penalty === undefined && made.penaltyPerRow === undefined) return;
  const value = (regularizer: Regularizer) =>
    withPenalty(regularizer, subject.model, async (penalty, outputs) => (await penalty.run(outputs)).value);
  same('penalty', await value(made), await value(again));
}

function hooksOf(regularizer: Regularizer): string[] {
  return hooks.filter((hook) => typeof regularizer[hook] === 'function');
}
