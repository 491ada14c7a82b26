/** Why a code is refused; for the application's own use, as for its audit log. */
export type CodeRefusal = 'wrong' | 'expired' | 'used' | 'locked' | 'unknown';

/**
 * What became of an attempt at a one-time code. Sent to a client as it is, it says only whether the code was right:
 * every refusal looks alike, so that none helps to guess. That is all that is enumerable, too, for whatever serializes
 * otherwise than as JSON; the rest is read by its name.
 */
export class CodeVerification<Data extends object = Record<string, unknown>> {
  /** Whether it was right, in time, and unused until now. */
  readonly valid: boolean;
  /** What was stored with it; only where it was valid. */
  declare readonly data: Data | undefined;
  /** Undefined where it was valid. */
  declare readonly reason: CodeRefusal | undefined;
  /** Wrong attempts that are left before it is locked. */
  declare readonly attemptsLeft: number;
  /** Until when every attempt is refused, where it is locked. */
  declare readonly lockedUntil: Date | undefined;

  /** @internal */
  constructor({ valid, ...told }: CodeOutcome<Data>) {
    this.valid = valid;
    for (const name of ['data', 'reason', 'attemptsLeft', 'lockedUntil'] as const) {
      Object.defineProperty(this, name, { value: told[name] });
    }
  }

  toJSON(): { valid: boolean } {
    return { valid: this.valid };
  }
}

interface CodeOutcome<Data extends object> {
  valid: boolean;
  data?: Data;
  reason?: CodeRefusal;
  attemptsLeft: number;
  lockedUntil?: Date;
}
