/** Why a code is refused; for the application's own use, as for its audit log. */
export type CodeRefusal = 'wrong' | 'expired' | 'used' | 'locked' | 'unknown';

/**
 * What became of an attempt at a one-time code. Sent to a client as it is, it says only whether the code was right:
 * every refusal looks alike, so that none helps to guess.
 */
export class CodeVerification<Data extends object = Record<string, unknown>> {
  constructor(
    /** Whether it was right, in time, and unused until now. */
    readonly valid: boolean,
    /** What was stored with it; only where it was valid. */
    readonly data: Data | undefined,
    /** Undefined where it was valid. */
    readonly reason: CodeRefusal | undefined,
    /** Wrong attempts that are left before it is locked. */
    readonly attemptsLeft: number,
    /** Until when every attempt is refused, where it is locked. */
    readonly lockedUntil: Date | undefined,
  ) {}

  toJSON(): { valid: boolean } {
    return { valid: this.valid };
  }
}
