/** A bar of a histogram: values from `from` (included) to `to` (excluded, but for the last). */
export interface HistogramBar {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Whole numbers in short: their quantiles within half a percent. */
export interface DistributionSummary {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly median: number;
  readonly p95: number;
  readonly histogram: readonly HistogramBar[];
}

/** Of no numbers. */
export const emptyDistribution: DistributionSummary = {
  count: 0,
  min: 0,
  max: 0,
  mean: 0,
  median: 0,
  p95: 0,
  histogram: [],
};

/** Counts whole numbers of at least 0, with three digits of each: memory does not grow with their number. */
export class Distribution {
  readonly #counts = new Map<number, number>();
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  add(value: number): void {
    const kept = value < 1000 ? value : Number(value.toPrecision(3));
    this.#counts.set(kept, (this.#counts.get(kept) ?? 0) + 1);
    this.#count += 1;
    this.#sum += value;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
  }

  /** undefined before the first value. */
  summary(bars = 24): DistributionSummary | undefined {
    if (this.#count === 0) return undefined;
    const sorted = [...this.#counts].toSorted(([a], [b]) => a - b);
    const quantile = (share: number) => {
      let rest = share * (this.#count - 1);
      for (const [value, count] of sorted) {
        if (rest < count) return Math.min(Math.max(value, this.#min), this.#max);
        rest -= count;
      }
      return this.#max;
    };
    return {
      count: this.#count,
      min: this.#min,
      max: this.#max,
      mean: this.#sum / this.#count,
      median: quantile(0.5),
      p95: quantile(0.95),
      histogram: this.#histogram(sorted, bars),
    };
  }

  #histogram(sorted: readonly (readonly [value: number, count: number])[], bars: number): HistogramBar[] {
    const width = Math.max(1, Math.ceil((this.#max + 1 - this.#min) / bars));
    const counts = Array.from({ length: Math.ceil((this.#max + 1 - this.#min) / width) }, () => 0);
    for (const [value, count] of sorted) {
      const inside = Math.min(Math.max(value, this.#min), this.#max);
      counts[Math.floor((inside - this.#min) / width)]! += count;
    }
    return counts.map((count, bar) => ({
      from: this.#min + bar * width,
      to: this.#min + (bar + 1) * width,
      count,
    }));
  }
}
