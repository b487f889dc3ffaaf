import { byName } from './arguments.ts';
import type { Budget } from './budget.ts';
import { equal } from './comparing.ts';
import { JinjaError } from './jinja-error.ts';
import { type Arguments, Callable, Namespace, Tuple, Undefined, type Value } from './values.ts';

/** The variable `loop` of a `for`, as an object whose attributes follow the turn. */
export class LoopState {
  readonly variable = new Namespace();
  readonly #items: readonly Value[];
  readonly #depth: number;
  readonly #budget: Budget;
  #last: Tuple | undefined;

  constructor(
    items: readonly Value[],
    depth: number,
    recurse: ((items: Value) => string) | undefined,
    budget: Budget,
  ) {
    this.#budget = budget;
    this.#items = items;
    this.#depth = depth;
    const { attributes } = this.variable;
    attributes.set('cycle', new Callable('cycle', (args) => this.#cycle(args)));
    attributes.set('changed', new Callable('changed', (args) => this.#changed(args)));
    if (recurse !== undefined) {
      attributes.set(
        recursion,
        new Callable('loop', (args) => recurse(byName('loop()', args, ['iterable']).iterable ?? null)),
      );
    }
  }

  #index = 0;

  turn(index: number): void {
    this.#index = index;
    const count = this.#items.length;
    const turn: Record<string, Value> = {
      index: index + 1,
      index0: index,
      revindex: count - index,
      revindex0: count - index - 1,
      first: index === 0,
      last: index === count - 1,
      length: count,
      depth: this.#depth,
      depth0: this.#depth - 1,
      previtem: index === 0 ? new Undefined('there is no previous item: it') : this.#items[index - 1]!,
      nextitem: index === count - 1 ? new Undefined('there is no next item: it') : this.#items[index + 1]!,
    };
    for (const [name, value] of Object.entries(turn)) this.variable.attributes.set(name, value);
  }

  #cycle({ positional }: Arguments): Value {
    if (positional.length === 0) throw new JinjaError('no items for cycling given');
    return positional[this.#index % positional.length]!;
  }

  #changed({ positional }: Arguments): boolean {
    const now = new Tuple(positional);
    const changed = this.#last === undefined || !equal(now, this.#last, this.#budget);
    this.#last = now;
    return changed;
  }
}

/** Where the function that `loop(...)` calls lies; no template can name it. */
export const recursion = '(recursion)';
