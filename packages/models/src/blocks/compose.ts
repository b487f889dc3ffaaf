import { add, multiply } from '@safetune/tensor';
import { type Module, tensorsOf } from './module.ts';

/** One after another: the last of the first of x. */
export function sequence(...modules: readonly Module[]): Module {
  return {
    ...tensorsOf(modules),
    trace: (x, context) => modules.reduce((state, module) => module.trace(state, context), x),
  };
}

/** Side by side on the same x, their results added up. */
export function parallel(first: Module, ...others: readonly Module[]): Module {
  return {
    ...tensorsOf([first, ...others]),
    trace: (x, context) =>
      others.reduce((total, module) => add(total, module.trace(x, context)), first.trace(x, context)),
  };
}

/** x + scale module(x): what a block adds to the residual stream. `scale` is 1 by default. */
export function residual(module: Module, { scale = 1 }: { readonly scale?: number } = {}): Module {
  return {
    ...tensorsOf([module]),
    trace(x, context) {
      const change = module.trace(x, context);
      return add(x, scale === 1 ? change : multiply(change, scale));
    },
  };
}
