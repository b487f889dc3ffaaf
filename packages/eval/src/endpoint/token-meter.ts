import { InvalidOptionError } from '../errors.ts';
import type { TokenCount } from '../sources/answer-source.ts';
import { TokenLimitError } from './endpoint-errors.ts';

/** What a model's tokens cost, in any currency. */
export interface TokenPrice {
  /** A million tokens of prompts. */
  readonly promptPerMillion: number;
  /** A million new tokens. */
  readonly completionPerMillion: number;
}

/** What {@link tokenMeter} takes. */
export interface TokenMeterOptions {
  /** Most tokens, of prompts and answers together; default: no limit. */
  readonly maxTokensTotal?: number;
  /** Prices by the model's name; without a model's price there is no sum of money. */
  readonly prices?: Readonly<Record<string, TokenPrice>>;
  /** Tokens used before, by the model's name: those of the part of a run that is resumed. */
  readonly used?: Readonly<Record<string, TokenCount>>;
}

/** What has been used so far. */
export interface TokenTotals extends TokenCount {
  /**
   * The most that was used by requests whose use no server told: their answer was lost on the way, or came without
   * counts.
   */
  readonly uncounted: number;
  readonly byModel: Readonly<Record<string, TokenCount>>;
  /** In the currency of the prices, without the uncounted; null when a model that was used has no price. */
  readonly money: number | null;
}

/** Tokens that are held back for one request. Exactly one of the functions is called, once. */
export interface TokenReservation {
  /** The answer came; undefined: without counts. */
  used(usage: TokenCount | undefined): void;
  /** The request was not worked on. */
  unused(): void;
}

/** Counts the tokens of all the endpoints it is given to. */
export interface TokenMeter {
  totals(): TokenTotals;
  /**
   * Holds back the most that a request can use. Where that is more than what is left, waits for the requests under way,
   * which mostly use less than was held back for them.
   *
   * @throws {TokenLimitError} when it is too much even then.
   */
  reserve(model: string, most: TokenCount): Promise<TokenReservation>;
}

/**
 * A meter of tokens, for one endpoint or shared by several: the model that answers and the judge.
 *
 * @throws {InvalidOptionError} for a limit that is not a positive integer, a price below 0.
 */
export function tokenMeter(options: TokenMeterOptions = {}): TokenMeter {
  const { maxTokensTotal: limit = Number.POSITIVE_INFINITY, prices = {} } = options;
  if (limit !== Number.POSITIVE_INFINITY && !(Number.isSafeInteger(limit) && limit > 0))
    throw new InvalidOptionError('maxTokensTotal', `must be a positive integer, not ${limit}`);
  for (const [model, { promptPerMillion, completionPerMillion }] of Object.entries(prices))
    if (!(promptPerMillion >= 0 && completionPerMillion >= 0))
      throw new InvalidOptionError('prices', `the prices of '${model}' must be 0 or more`);
  const byModel = new Map<string, TokenCount>(Object.entries(options.used ?? {}));
  let uncounted = 0;
  let held = 0;
  let underWay = 0;
  /** The most by which a prompt was longer than thought possible: a chat template that says much of its own. */
  let templateTokens = 0;
  const waiting: (() => void)[] = [];

  function spent(): number {
    let sum = uncounted;
    for (const { prompt, completion } of byModel.values()) sum += prompt + completion;
    return sum;
  }

  function count(model: string, { prompt, completion }: TokenCount): void {
    const before = byModel.get(model) ?? { prompt: 0, completion: 0 };
    byModel.set(model, { prompt: before.prompt + prompt, completion: before.completion + completion });
  }

  function hold(model: string, most: TokenCount): TokenReservation {
    const tokens = most.prompt + most.completion + templateTokens;
    held += tokens;
    underWay += 1;
    const release = () => {
      held -= tokens;
      underWay -= 1;
      for (const look of waiting.splice(0)) look();
    };
    return {
      used(usage) {
        if (usage === undefined) uncounted += tokens;
        else {
          count(model, usage);
          templateTokens = Math.max(templateTokens, usage.prompt - most.prompt);
        }
        release();
      },
      unused: release,
    };
  }

  return {
    totals() {
      const models = [...byModel];
      return {
        prompt: models.reduce((sum, [, { prompt }]) => sum + prompt, 0),
        completion: models.reduce((sum, [, { completion }]) => sum + completion, 0),
        uncounted,
        byModel: Object.fromEntries(models),
        money: moneyOf(models, prices),
      };
    },
    async reserve(model, most) {
      for (;;) {
        const needed = most.prompt + most.completion + templateTokens;
        if (spent() + held + needed <= limit) return hold(model, most);
        if (underWay === 0) throw new TokenLimitError(limit, spent(), needed);
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}

function moneyOf(
  models: readonly (readonly [string, TokenCount])[],
  prices: Readonly<Record<string, TokenPrice>>,
): number | null {
  let money = 0;
  for (const [model, { prompt, completion }] of models) {
    const price = Object.hasOwn(prices, model) ? prices[model] : undefined;
    if (price === undefined) return null;
    money += (prompt * price.promptPerMillion + completion * price.completionPerMillion) / 1e6;
  }
  return money;
}
