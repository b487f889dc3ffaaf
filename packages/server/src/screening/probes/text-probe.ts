import { setImmediate } from 'node:timers/promises';
import { checkedExample, type DataCheck, type Finding } from '@safetune/datasets';
import { printable } from '@safetune/tensor';
import type { Action, Reading, ScreeningProbe } from '../probe.ts';

/** Examples between which others have their turn. */
const atOnce = 200;

/** A probe of a check of data; what a finding of it does is said by its kind. */
export function textProbe(
  { name, sees }: Pick<ScreeningProbe, 'name' | 'sees'>,
  openCheck: () => DataCheck,
  actionOf: (finding: Finding) => Action,
): ScreeningProbe {
  return {
    name,
    sees,
    needsModel: false,
    async read(examples, { signal }, onDone) {
      const check = openCheck();
      const readings: Reading[] = [];
      for (const { example, index } of examples) {
        if (readings.length % atOnce === 0) {
          await setImmediate();
          signal?.throwIfAborted();
          onDone(readings.length);
        }
        const findings = check.find(checkedExample(example, index)).flatMap((finding) => {
          const action = actionOf(finding);
          if (action === 'keep') return [];
          const { kind, message, rejected, detail } = finding;
          return [
            {
              kind,
              action,
              ...(message !== undefined && { message }),
              ...(rejected && { rejected }),
              ...(detail !== undefined && { detail: printable(detail) }),
            },
          ];
        });
        readings.push({ findings });
      }
      onDone(readings.length);
      return readings;
    },
  };
}
