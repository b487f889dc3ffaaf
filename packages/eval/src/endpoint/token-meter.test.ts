import { describe, expect, test } from 'vitest';
import { InvalidOptionError } from '../errors.ts';
import { TokenLimitError } from './endpoint-errors.ts';
import { mostTokens } from './most-tokens.ts';
import { tokenMeter } from './token-meter.ts';

const most = { prompt: 100, completion: 10 };

describe('tokenMeter', () => {
  test('counts by model and gives the money', async () => {
    const meter = tokenMeter({
      prices: {
        judge: { promptPerMillion: 2.5, completionPerMillion: 10 },
        free: { promptPerMillion: 0, completionPerMillion: 0 },
      },
      used: { judge: { prompt: 1000, completion: 0 } },
    });
    for (const model of ['judge', 'judge', 'free'])
      (await meter.reserve(model, most)).used({ prompt: 50, completion: 1 });
    expect(meter.totals()).toEqual({
      prompt: 1150,
      completion: 3,
      uncounted: 0,
      byModel: { judge: { prompt: 1100, completion: 2 }, free: { prompt: 50, completion: 1 } },
      money: (1100 * 2.5 + 2 * 10) / 1e6,
    });
    (await meter.reserve('other', most)).used({ prompt: 1, completion: 1 });
    expect(meter.totals().money).toBeNull();
  });

  test('stops before the limit could be passed', async () => {
    const meter = tokenMeter({ maxTokensTotal: 250 });
    (await meter.reserve('m', most)).used({ prompt: 90, completion: 10 });
    (await meter.reserve('m', most)).used({ prompt: 90, completion: 10 });
    const failure = await meter.reserve('m', most).catch((error: unknown) => error);
    expect(failure).toSatisfy(TokenLimitError.isInstance);
    expect(failure).toMatchObject({ limit: 250, used: 200, needed: 110 });
    expect((failure as Error).message).toContain('raise maxTokensTotal');
  });

  test('waits for requests under way, which may use less than was held back', async () => {
    const meter = tokenMeter({ maxTokensTotal: 250 });
    const [first, second] = [await meter.reserve('m', most), await meter.reserve('m', most)];
    let isThrough = false;
    const third = meter.reserve('m', most).then((reservation) => {
      isThrough = true;
      return reservation;
    });
    await Promise.resolve();
    expect(isThrough).toBe(false);
    first.used({ prompt: 20, completion: 1 });
    second.unused();
    (await third).used({ prompt: 20, completion: 1 });
    expect(meter.totals()).toMatchObject({ prompt: 40, completion: 2, uncounted: 0 });
  });

  test('takes the most for what no server counted', async () => {
    const meter = tokenMeter({ maxTokensTotal: 200 });
    (await meter.reserve('m', most)).used(undefined);
    expect(meter.totals()).toMatchObject({ prompt: 0, completion: 0, uncounted: 110 });
    await expect(meter.reserve('m', most)).rejects.toThrow('110 of the 200 allowed are used');
  });

  test('learns from a chat template that says more than thought possible', async () => {
    const meter = tokenMeter({ maxTokensTotal: 1000 });
    (await meter.reserve('m', most)).used({ prompt: 400, completion: 10 });
    (await meter.reserve('m', most)).used({ prompt: 400, completion: 10 });
    await expect(meter.reserve('m', most)).rejects.toMatchObject({ needed: 410, used: 820 });
  });

  test.each([
    { maxTokensTotal: 0 },
    { maxTokensTotal: 1.5 },
    { prices: { m: { promptPerMillion: -1, completionPerMillion: 0 } } },
  ])('refuses %j', (options) => expect(() => tokenMeter(options)).toThrow(InvalidOptionError));
});

describe('mostTokens', () => {
  const messages = [{ role: 'user', content: 'ü'.repeat(10) }] as const;

  test('is a token a byte, with the marks of a template', () => {
    expect(mostTokens({ model: 'm', messages, max_tokens: 5 })).toEqual({
      prompt: 20 + 16 + 64,
      completion: 5,
    });
    expect(mostTokens({ model: 'm', messages, max_completion_tokens: 5, n: 2 }).completion).toBe(10);
  });

  test('refuses a request without a bound', () => {
    expect(() => mostTokens({ model: 'm', messages })).toThrow(InvalidOptionError);
  });
});
