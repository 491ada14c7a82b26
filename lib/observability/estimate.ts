/** A number that was counted, or worked out from a sample. */
export interface Estimate {
  estimate: number;
  /** Standard error: the truth lies within one of it two times in three, within two of it 95 times in 100. 0 if exact. */
  error: number;
  exact: boolean;
}

/** What was found among some keys: sums of what was measured, by name. */
export interface Sample {
  /** How many keys were looked at, other people's included. */
  readonly keys: number;
  readonly sums: ReadonlyMap<string, number>;
}

/**
 * The sum of a measure over `population` keys by a few random windows of them: the ratio of the sums, and its error from how
 * far each window is from that ratio (Taylor linearization).
 */
export function estimated(name: string, windows: readonly Sample[], population: number): Estimate {
  const total = windows.reduce((sum, { keys }) => sum + keys, 0);
  if (total === 0) return { estimate: 0, error: 0, exact: population === 0 };
  const ratio = windows.reduce((sum, { sums }) => sum + (sums.get(name) ?? 0), 0) / total;
  const squares = windows.reduce((sum, { keys, sums }) => sum + ((sums.get(name) ?? 0) - ratio * keys) ** 2, 0);
  const variance = (squares * windows.length) / Math.max(1, windows.length - 1) / total ** 2;
  return { estimate: ratio * population, error: Math.sqrt(variance) * population, exact: false };
}

/** Of independent parts. */
export function sumOf(parts: readonly Estimate[]): Estimate {
  return {
    estimate: parts.reduce((sum, { estimate }) => sum + estimate, 0),
    error: Math.sqrt(parts.reduce((sum, { error }) => sum + error ** 2, 0)),
    exact: parts.every(({ exact }) => exact),
  };
}
