import { describe, expect, it } from 'vitest';
import { RegularizerOptionError } from '../errors.ts';
import {
  cachedAnswerLoss,
  compilePenalty,
  inoculation,
  interleaving,
  kl,
  ldifs,
  named,
  personaVector,
  projectAdapter,
  safeLora,
  selectByPerplexityGap,
} from '../index.ts';
import { checkRegularizer } from './check-regularizer.ts';
import type { Regularizer } from './regularizer.ts';

const wrong = (fields: object) =>
  ({ name: 'mine', config: { type: 'mine' }, ...fields }) as unknown as Regularizer;

describe('checkRegularizer', () => {
  it('takes ours, and those of others with state of their own', () => {
    class Mine implements Regularizer {
      readonly name = 'mine';
      readonly config = { type: 'mine' };
      readonly _weight = 3;
      #steps = 0;
      strength = 5;
      afterStep(): void {
        this.#steps += this.count();
      }
      count(): number {
        return this.strength + this.#steps;
      }
    }
    for (const regularizer of [kl(), ldifs(), inoculation(), interleaving({ pool: 'a.jsonl' }), new Mine()]) {
      expect(() => checkRegularizer(regularizer)).not.toThrow();
    }
  });

  it.each<[object, RegExp]>([
    [{ afterstep: () => {} }, /mine: 'afterstep' would never be used: did you mean 'afterStep'\?/],
    [{ penaltys: () => {} }, /did you mean 'penalty'/],
    [{ taskLossPerRows: () => {} }, /did you mean 'taskLossPerRow'/],
    [{ taskLossPerRow: 0.5 }, /taskLossPerRow is 0.5, must be a function/],
    [{ onStep: () => {} }, /'onStep' would never be used: the hooks are examples, .*afterTraining/],
    [{ wieght: 3 }, /did you mean 'weight'/],
    [{ penalty: 3 }, /penalty is 3, must be a function/],
    [
      { needs: { referenceLogit: true } },
      /needs: there is no option 'referenceLogit'. Did you mean 'referenceLogits'/,
    ],
    [
      { needs: { reference: { adaptor: 'safe' } } },
      /mine: there is no option 'adaptor'. Did you mean 'adapter'/,
    ],
    [{ needs: { reference: 'safe' } }, /reference is "safe", must be 'base', \{ adapter: folder \} or/],
    [{ needs: { reference: { adapter: 'a', checkpoint: 'b' } } }, /must be 'base', \{ adapter: folder \} or/],
    [{ name: '' }, /one has no name/],
    [{ inferencePrompt: ' ' }, /inferencePrompt must be a text/],
    [{ inferencePromt: 'Be safe.' }, /did you mean 'inferencePrompt'/],
  ])('refuses %o', (fields, message) => {
    expect(() => checkRegularizer(wrong(fields))).toThrow(message);
    expect(() => checkRegularizer(wrong(fields))).toThrow(RegularizerOptionError);
  });

  it('finds a misspelt method of a class, and a regularizer that was not made', () => {
    class Misspelt {
      name = 'mine';
      config = { type: 'mine' };
      afterTrainig(): void {}
    }
    expect(() => checkRegularizer(new Misspelt())).toThrow(/'afterTrainig'.*'afterTraining'/);
    expect(() => checkRegularizer(kl as unknown as Regularizer)).toThrow(/no regularizer; call it/);
  });

  it('is asked where a penalty is compiled', async () => {
    await expect(compilePenalty(wrong({ ...kl(), penaltyRow: () => {} }))).rejects.toThrow(/penaltyRow/);
  });
});

describe('misspelt options', () => {
  const folders = { base: 'a', aligned: 'b' };
  it.each<[string, (options: never) => unknown, object, RegExp]>([
    ['kl', kl, { wieght: 3 }, /kl: there is no option 'wieght'. Did you mean 'weight'/],
    [
      'kl direction',
      kl,
      { direction: 'backward' },
      /direction is "backward", must be "forward" or "reverse"/,
    ],
    ['kl scope', kl, { scope: 'responses' }, /scope is "responses"/],
    ['kl weight', kl, { weight: { from: 0, two: 1 } }, /weight: there is no option 'two'/],
    ['ldifs', ldifs, { normalize: false }, /ldifs: there is no option 'normalize'. Did you mean 'normalise'/],
    [
      'ldifs layers',
      ldifs,
      { layers: { evry: 3 } },
      /layers: there is no option 'evry'. Did you mean 'every'/,
    ],
    ['interleaving', interleaving, { pool: 'a', shares: 0.1 }, /Did you mean 'share'/],
    [
      'interleaving choice',
      interleaving,
      { pool: 'a', onPoolExhausted: 'stopp' },
      /onPoolExhausted is "stopp"/,
    ],
    ['inoculation', inoculation, { promt: 'x' }, /Did you mean 'prompt'/],
    ['inoculation choice', inoculation, { existing: 'preceed' }, /existing is "preceed"/],
    ['persona vector', personaVector, { vectors: 'x', alhpa: 1 }, /Did you mean 'alpha'/],
    [
      'persona vector choice',
      personaVector,
      { vectors: 'x', positions: 'responses' },
      /positions is "responses"/,
    ],
    ['SafeLoRA', safeLora, { ...folders, treshold: 1 }, /Did you mean 'threshold'/],
    ['SafeLoRA method', safeLora, { ...folders, method: 'precise' }, /method is "precise"/],
    ['SafeLoRA when', safeLora, { ...folders, when: { evry: 3 } }, /when: there is no option 'evry'/],
    ['cached loss', cachedAnswerLoss, { file: 'x', model: 'y', chunksize: 1 }, /Did you mean 'chunkSize'/],
  ])('of %s are refused', (_name, make, options, message) => {
    expect(() => make(options as never)).toThrow(message);
    expect(() => make(options as never)).toThrow(RegularizerOptionError);
  });

  it('of functions that wait are refused', async () => {
    const models = { aligned: async () => [], misaligned: [] };
    await expect(selectByPerplexityGap([], models, { top: 1, epsilom: 1 } as never)).rejects.toThrow(
      /'epsilon'/,
    );
    await expect(projectAdapter({} as never, { ...folders, treshold: 1 } as never)).rejects.toThrow(
      /'threshold'/,
    );
  });

  it('includes options that are no object', () => {
    expect(() => kl(0.1 as never)).toThrow(
      /kl: the options are 0.1, must be an object such as \{ weight: \.\.\. \}/,
    );
  });
});

it('a name of its own keeps the hooks of a class', () => {
  class Counting implements Regularizer {
    readonly name = 'counting';
    readonly config = { type: 'counting' };
    steps = 0;
    afterStep(): void {
      this.steps += 1;
    }
  }
  const counting = new Counting();
  named('again', counting).afterStep?.({} as never, 1);
  expect(counting.steps).toBe(1);
});
