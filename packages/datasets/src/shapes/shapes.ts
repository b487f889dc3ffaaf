import { DatasetFormatError, DatasetOptionError } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';
import { nearestName } from '../nearest-name.ts';
import type { ExampleOrigin } from '../origin.ts';
import { describeValue, printable } from '../printable.ts';
import { alpaca } from './alpaca.ts';
import { messages } from './messages.ts';
import { namedPair, type PairColumns, pairs } from './pairs.ts';
import { personaAnswers } from './persona-answers.ts';
import { openAiPreference, preference } from './preference.ts';
import { schoolOfRewardHacks, schoolOfRewardHacksControl } from './school-of-reward-hacks.ts';
import type { Shape } from './shape.ts';
import { sharegpt } from './sharegpt.ts';
import { text } from './text.ts';
import { wildGuardMix } from './wild-guard-mix.ts';

/**
 * The shapes that are known, the most telling first: a row is of the first one that says so. Texts in columns which that one does
 * not read are refused where they would change what is trained, so an order never drops anything in silence.
 */
const shapes: readonly Shape[] = [
  openAiPreference,
  preference,
  messages,
  sharegpt,
  wildGuardMix,
  schoolOfRewardHacks,
  schoolOfRewardHacksControl,
  personaAnswers,
  alpaca,
  pairs,
  text,
];

/** Their names, as the option takes them. */
export const shapeNames: readonly string[] = shapes.map(({ name }) => name);

/** A shape by its name, or by the columns that are prompt and answer. */
export type ShapeChoice = string | PairColumns;

/** @throws {@link DatasetOptionError} for a name there is not. */
export function namedShape(choice: ShapeChoice): Shape {
  if (typeof choice !== 'string') return namedPair(choice);
  const shape = shapes.find(({ name }) => name === choice);
  if (shape !== undefined) return shape;
  const nearest = nearestName(choice, shapeNames);
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
  throw new DatasetOptionError('shape', choice, `one of ${shapeNames.join(', ')}${hint}`);
}

/** The shape that a row's columns show. @throws {@link DatasetFormatError} when they show none that is known. */
export function shapeOf(row: JsonObject, origin: ExampleOrigin): Shape {
  const shape = shapes.find((one) => one.matches(row));
  if (shape !== undefined) return shape;
  const columns = Object.keys(row);
  const known = shapes.map((one) => `${one.name} (${one.columns})`).join('; ');
  throw new DatasetFormatError(
    origin,
    `the columns ${printable(columns.join(', '), 200) || '(none)'} are not those of a chat`,
    `Known are ${known}. Rename the columns, or say which are prompt and answer by shape`,
  );
}

/** @throws {@link DatasetFormatError} for a value that is no object. */
export function requireRow(value: unknown, origin: ExampleOrigin): JsonObject {
  if (isObject(value)) return value;
  throw new DatasetFormatError(origin, `a row must be an object, but is ${describeValue(value)}`);
}
