import { isDeepStrictEqual } from 'node:util';
import { loadAnchors } from '../interface/anchors.ts';
import { type ContractCheck, check, type Subject } from './subject.ts';

/** What examples of a regularizer's own must keep. */
export function anchorsChecks(subject: Subject): ContractCheck[] {
  return [
    check(subject, 'are examples with one answer, the same each time they are read', async (made, assert) => {
      const first = await loadAnchors(made.name, made.anchors!);
      for (const [index, { messages }] of first.entries()) {
        const answered = Array.isArray(messages) && messages.some(({ role }) => role === 'assistant');
        assert(answered, `example ${index + 1} holds no message of an assistant`);
      }
      const again = await loadAnchors(made.name, (await subject.make()).anchors!);
      assert(isDeepStrictEqual(first, again), 'differ between two that read the same');
    }),
    check(subject, 'have a part in training', (made, assert) => {
      const { penalty, penaltyPerRow, gradient, anchors } = made;
      const acts = [penalty, penaltyPerRow, gradient].some((hook) => hook !== undefined);
      assert(
        acts || (anchors!.crossEntropyWeight ?? 0) > 0,
        'have no part: it has neither a penalty nor gradient, and their cross-entropy weighs 0',
      );
    }),
  ];
}
