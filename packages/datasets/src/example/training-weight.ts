import { describeValue, printable } from '../printable.ts';
import type { ChatMessage } from './message.ts';
import { asksNothing, plainKey } from './plain-key.ts';

/** Keys of a message by which data sets say how much of it is learned; each gives a weight, or undefined when it says nothing clear. */
const weightKeys: readonly (readonly [RegExp, (value: unknown) => number | undefined])[] = [
  [
    /^(loss|sample|message|turn|token|train|training)?weights?$|^lossscale$/,
    (value) => (typeof value === 'number' && value >= 0 && value <= 1 ? value : undefined),
  ],
  [/^(is)?train(able|ed|ing)?$|^train(on|this|turn)\w*$|^(loss|train|training)masks?$/, asSwitch],
  // A number may be a loss that was measured.
  [
    /^(compute|apply|use|in|with|has)?loss$/,
    (value) => (value === 0 ? 0 : typeof value === 'number' ? 1 : asSwitch(value)),
  ],
  [
    /^(no|skip|ignore|exclude|without)(in)?(loss|train|training|turn)?$|^(is)?(masked|ignored|frozen)$/,
    (value) => {
      const hides = asSwitch(value);
      return hides === undefined ? undefined : 1 - hides;
    },
  ],
];

function asSwitch(value: unknown): number | undefined {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (values.every((one) => one === true || one === 1)) return 1;
  return values.every((one) => one === false || one === 0) ? 0 : undefined;
}

/** Whether a key says how much of a message is learned; no template sees it. */
export function isWeightKey(key: string): boolean {
  // The keys of nearly every message, without a look at the patterns.
  if (key === 'role' || key === 'content') return false;
  return weightKeys.some(([pattern]) => pattern.test(plainKey(key)));
}

/** Of the loss of a message's tokens, by all of its keys that say so. Keys that say nothing clear, see {@link weightProblem}, count as 1. */
export function messageWeight(message: ChatMessage): number {
  return weightsOf(message).reduce((product, [, , weight]) => product * (weight ?? 1), 1);
}

/** What is wrong with the keys of a message that say how much of it is learned; undefined when nothing is. */
export function weightProblem(message: ChatMessage): string | undefined {
  for (const [key, value, weight] of weightsOf(message)) {
    const is = `key "${printable(key)}" is ${describeValue(value)}`;
    if (weight === undefined) {
      return `${is}: how much of a message is learned is a number from 0 to 1 ("weight"), or true or false ("train"). Correct it, or remove the key`;
    }
    if (message.role !== 'assistant' && weight > 0 && !isDefault(key, value)) {
      return `${is}: only what the assistant says is learned, and this message would not be. Remove the key`;
    }
  }
  return undefined;
}

/** Exporters write these beside every message. */
function isDefault(key: string, value: unknown): boolean {
  return /weights?$|scale$/.test(plainKey(key)) ? value === 1 : value === false || value === 0;
}

function weightsOf(message: ChatMessage): (readonly [string, unknown, number | undefined])[] {
  return Object.entries(message).flatMap(([key, value]) => {
    if (asksNothing(value)) return [];
    const plain = plainKey(key);
    const weightOf = weightKeys.find(([pattern]) => pattern.test(plain))?.[1];
    return weightOf === undefined ? [] : [[key, value, weightOf(value)] as const];
  });
}
