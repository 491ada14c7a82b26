/** Lower quartile, median, upper quartile. */
export interface Quartiles {
  lower: number;
  median: number;
  upper: number;
}

export function quartiles(values: readonly number[]): Quartiles {
  const sorted = values.toSorted((a, b) => a - b);
  return { lower: at(sorted, 0.25), median: at(sorted, 0.5), upper: at(sorted, 0.75) };
}

/** Quartiles of the ratios of the same rounds. */
export function ratios(of: readonly number[], to: readonly number[]): Quartiles {
  return quartiles(of.map((value, round) => value / to[round]!));
}

function at(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)]!;
  return below + (sorted[Math.ceil(place)]! - below) * (place % 1);
}

/** The value that this share of all does not exceed. */
export function percentile(values: readonly number[], share: number): number {
  return at(
    values.toSorted((a, b) => a - b),
    share,
  );
}
