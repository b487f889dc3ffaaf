import { input, tensorType } from '@safetune/tensor';
import { expect, it } from 'vitest';
import { declaredOutputs, type ForwardOutputs, MissingNeedError } from '../index.ts';

const tensor = (name: string) => input(name, tensorType('float32', ['batch', 'seq', 4]));
const layers = [0, 1, 2, 3, 4];
const outputs = {
  logits: tensor('logits'),
  referenceLogits: tensor('referenceLogits'),
  hiddenStates: new Map(layers.map((layer) => [layer, tensor(`${layer}`)])),
  referenceHiddenStates: new Map([[2, tensor('reference')]]),
  tagged: (tag: string) => tensor(tag),
} as unknown as ForwardOutputs;

it('hands on what the needs declare, and no more', () => {
  const own = declaredOutputs(
    { name: 'mine', needs: { hiddenStates: { every: 2 }, tags: ['safe'] } },
    outputs,
    4,
  );
  expect([...own.hiddenStates.keys()]).toEqual([2, 4]);
  expect(own.hiddenStates.get(2)).toBe(outputs.hiddenStates.get(2));
  expect(own.referenceHiddenStates.size).toBe(0);
  expect('referenceLogits' in own).toBe(false);
  expect(own.logits).toBe(outputs.logits);
  expect(own.tagged('safe').toString()).toBe(outputs.tagged('safe').toString());
  expect(() => own.tagged('other')).toThrow(MissingNeedError);
});

it('hands on the reference when it is declared', () => {
  const own = declaredOutputs(
    { name: 'mine', needs: { referenceLogits: true, referenceHiddenStates: [2] } },
    outputs,
    4,
  );
  expect(own.referenceLogits).toBe(outputs.referenceLogits);
  expect([...own.referenceHiddenStates.keys()]).toEqual([2]);
});

it('names a declared need that was not computed', () => {
  const { referenceLogits: _, ...without } = outputs;
  expect(() => declaredOutputs({ name: 'mine', needs: { referenceLogits: true } }, without, 4)).toThrow(
    'mine uses referenceLogits, which was not computed',
  );
  expect(() =>
    declaredOutputs({ name: 'mine', needs: { referenceHiddenStates: 'all' } }, outputs, 4),
  ).toThrow('mine uses referenceHiddenStates of layer 1');
});
