import { InvalidTokenError, StoreUnavailableError } from '../errors/index.js';
import type { VerifiedToken } from '../jwt/index.js';
import type { ResolvedSessionOptions } from '../options/index.js';
import type { Revocations } from '../revocation/index.js';
import { Breaker } from './breaker.js';
import type { DataCopies } from './data-copies.js';
import { endedBy } from './session-replies.js';
import type { SessionStore } from './session-store.js';

/** Times in tokens are whole seconds, those of sessions are not. */
const LAST_MS = 1_000;

/** Whether the session of a genuine token lives: known here, or asked of Redis. */
export class Liveness {
  private readonly breaker = new Breaker();
  /** How old what is known here may be where Redis does not answer. */
  readonly servedForMs: number;

  constructor(
    private readonly options: ResolvedSessionOptions,
    private readonly store: SessionStore,
    private readonly revocations: Revocations,
    private readonly copies: DataCopies,
  ) {
    this.servedForMs = Math.max(options.maxStalenessMs, options.serveForMs ?? 0);
  }

  /** Whether Redis is not asked for the moment, since it did not answer. */
  get hasGivenUp(): boolean {
    return this.breaker.isOpen;
  }

  /** Whether it is in force at that time (ms, by this process's clock) without anybody being asked. */
  vouchesFor(token: VerifiedToken, now: number): boolean {
    const { revocation } = this.options;
    // In its last second, and within the tolerance of clocks, Redis knows better whether the session has expired, too.
    if (revocation === 'local' && now < token.expiresAtMs - LAST_MS) {
      return this.hears(token) && this.revocations.replica.endingOf(token) === undefined;
    }
    return revocation === 'off';
  }

  /** Whether whatever ends the token is heard within the bound. */
  hears(token: VerifiedToken): boolean {
    const { feed } = this.revocations;
    return (
      feed.ageAt(performance.now()) <= this.options.maxStalenessMs &&
      (feed.covers(token) || (token.confirmedIn === feed.generation && feed.remembers(token)))
    );
  }

  /**
   * Resolves to the private data, where asked for.
   *
   * @throws InvalidTokenError | StoreUnavailableError
   */
  async assertLive(token: VerifiedToken, withData: boolean): Promise<readonly string[] | undefined> {
    const { revocation } = this.options;
    if (revocation === 'local') this.assertNotEnded(token);
    if (!withData && this.vouchesFor(token, Date.now())) return undefined;
    const reply = revocation === 'local' ? await this.askBehindBreaker(token, withData) : await this.ask(token, withData);
    if (typeof reply === 'string') throw new InvalidTokenError(endedBy(reply));
    if (revocation === 'local') this.assertNotEnded(token);
    return reply;
  }

  /** Asks Redis, whatever is known here. @throws InvalidTokenError | StoreUnavailableError */
  async confirm(token: VerifiedToken): Promise<void> {
    const { generation } = this.revocations.feed;
    const reply = await this.ask(token, false);
    if (typeof reply === 'string') throw new InvalidTokenError(endedBy(reply));
    token.confirmedIn = generation;
  }

  close(): void {
    this.breaker.close();
  }

  private async askBehindBreaker(token: VerifiedToken, withData: boolean): Promise<readonly string[] | string> {
    const { generation } = this.revocations.feed;
    const load = withData ? this.copies.begin(token.sessionId) : undefined;
    try {
      const reply = await this.breaker.run(() => this.ask(token, withData));
      if (typeof reply !== 'string') {
        // what ends it from now on is in the feed, and heard, unless that is lost: then the generation is another
        token.confirmedIn = generation;
        load?.keep(reply);
      }
      return reply;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError && this.mayServe(token))) throw error;
      const copy = withData ? this.copies.get(token.sessionId) : [];
      if (copy === undefined) throw error;
      return copy;
    } finally {
      load?.end();
    }
  }

  private ask(token: VerifiedToken, withData: boolean): Promise<string[] | string> {
    return this.store.verify(token, withData);
  }

  /** While Redis does not answer, for as long as the options allow. */
  private mayServe(token: VerifiedToken): boolean {
    const { feed } = this.revocations;
    return this.options.serveForMs !== undefined && feed.ageAt(performance.now()) <= this.servedForMs && feed.covers(token);
  }

  private assertNotEnded(token: VerifiedToken): void {
    const ending = this.revocations.replica.endingOf(token);
    if (ending !== undefined) throw new InvalidTokenError(endedBy(ending));
  }
}
