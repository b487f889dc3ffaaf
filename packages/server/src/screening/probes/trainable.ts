import { setImmediate } from 'node:timers/promises';
import { type ChatExample, checkedExample, explainChat, secretsCheck } from '@safetune/datasets';
import { printable } from '@safetune/tensor';
import type { ProbeRoom, Reading, ScreeningFinding, ScreeningProbe } from '../probe.ts';

/** Examples between which others have their turn. */
const atOnce = 50;

/**
 * What training would refuse or cut: an example that the template, the mask or the vocabulary refuses is dropped, as is one whose
 * answers all lie behind the longest length, and a plain text beyond it; one whose end does is warned of.
 */
export function trainableProbe(): ScreeningProbe {
  return {
    name: 'untrainable',
    sees: 'all',
    needsModel: false,
    async read(examples, room, onDone) {
      const readings: Reading[] = [];
      for (const { example } of examples) {
        if (readings.length % atOnce === 0) {
          await setImmediate();
          room.signal?.throwIfAborted();
          onDone(readings.length);
        }
        const { rejected, ...better } = example;
        readings.push({
          findings: [
            ...findingsOf(better, room),
            ...(rejected === undefined
              ? []
              : findingsOf({ ...better, messages: rejected }, room).map((finding) => ({
                  ...finding,
                  rejected: true as const,
                }))),
          ],
        });
      }
      onDone(readings.length);
      return readings;
    },
  };
}

function findingsOf(
  example: ChatExample,
  { tokenizer, maxLength, vocabularySize }: ProbeRoom,
): ScreeningFinding[] {
  const { tokenIds, responseMask, refusal } = explainChat(example, tokenizer, {
    maxLength,
    onTooLong: 'truncate-or-skip',
    ...(vocabularySize !== undefined && { vocabularySize }),
  });
  const length = `${tokenIds.length} tokens, of which ${maxLength} are read`;
  if (refusal !== undefined)
    return [{ kind: refusal.name, action: 'drop', detail: withoutSecrets(printable(refusal.message)) }];
  if (tokenIds.length <= maxLength) return [];
  // It would be learned in pieces, of which probes would see the first alone.
  if (example.text !== undefined)
    return [{ kind: 'too long', action: 'drop', detail: `${length}: give a plain text in shorter examples` }];
  return responseMask === undefined
    ? [{ kind: 'too long', action: 'drop', detail: `${length}: no answer is among them` }]
    : [{ kind: 'cut', action: 'warn', detail: length }];
}

/** Refusals quote words of the example, such as names of keys. */
function withoutSecrets(detail: string): string {
  const found = secretsCheck().find(checkedExample({ messages: [], text: detail }, 0));
  return found.length === 0 ? detail : 'the reason quotes a secret, and is not repeated';
}
