import { dataOf } from '../data/index.js';
import { type AccessTokenVerifier, TokenMemory, type VerifiedToken } from '../jwt/index.js';
import type { VerifiedSession } from '../options/index.js';
import type { DataCopies } from './data-copies.js';
import type { Liveness } from './liveness.js';

/** Access tokens as they are presented, over and over: what was found out about one is remembered by its exact text. */
export class TokenChecks {
  private readonly memory = new TokenMemory<VerifiedToken>();

  constructor(
    private readonly verifier: AccessTokenVerifier,
    private readonly liveness: Liveness,
    private readonly copies: DataCopies,
  ) {}

  /** Its session, if that is known without asking anybody. */
  recall(accessToken: string): VerifiedSession | undefined {
    const now = Date.now();
    const token = this.vouchedFor(accessToken, now);
    return token?.toSession(now);
  }

  /** The same with the private data. */
  recallWithData(accessToken: string): VerifiedSession | undefined {
    const now = Date.now();
    const token = this.vouchedFor(accessToken, now);
    const fields = token && this.copies.get(token.sessionId);
    if (fields === undefined) return undefined;
    const session = token!.toSession(now);
    session.data = dataOf(fields);
    return session;
  }

  /**
   * Its session, where what is known here suffices; undefined where Redis has to be asked.
   *
   * @throws InvalidTokenError | InvalidArgumentError
   */
  verifyHere(accessToken: string): VerifiedSession | undefined {
    const now = Date.now();
    const token = this.genuine(accessToken, now);
    return this.liveness.vouchesFor(token, now) ? token.toSession(now) : undefined;
  }

  /** @throws InvalidTokenError | InvalidArgumentError | StoreUnavailableError */
  async verify(accessToken: string, withData: boolean): Promise<VerifiedSession> {
    const token = this.genuine(accessToken);
    const fields = await this.liveness.assertLive(token, withData);
    // what was asked for is worth more than what was computed
    this.memory.remember(accessToken, token);
    const session = token.toSession(Date.now());
    if (withData) session.data = dataOf(fields ?? []);
    return session;
  }

  /**
   * What a token of ours says while it is not expired, whether or not its session lives.
   *
   * @throws InvalidTokenError | InvalidArgumentError
   */
  genuine(accessToken: string, now: number = Date.now()): VerifiedToken {
    const known = this.memory.get(accessToken);
    if (known !== undefined && !this.verifier.hasExpired(known, now)) return known;
    if (known !== undefined) this.memory.forget(accessToken);
    const token = this.verifier.verify(accessToken);
    if (this.memory.sight(accessToken)) this.memory.remember(accessToken, token);
    return token;
  }

  private vouchedFor(accessToken: string, now: number): VerifiedToken | undefined {
    const token = this.memory.get(accessToken);
    if (token === undefined || this.verifier.hasExpired(token, now) || !this.liveness.vouchesFor(token, now)) return undefined;
    return token;
  }
}
