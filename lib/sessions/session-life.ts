import type { FeedListener, Revocation, Revocations } from '../revocation/index.js';
import type { DataCopies } from './data-copies.js';
import type { ExpiryNotices } from './expiry-notices.js';
import type { Liveness } from './liveness.js';
import type { OpenStreams } from './open-streams.js';
import type { SessionEvents } from './session-events.js';

/** What of a registration listens, and what it holds open. */
export class SessionLife {
  constructor(
    readonly streams: OpenStreams,
    private readonly events: SessionEvents,
    private readonly notices: ExpiryNotices | undefined,
    private readonly revocations: Revocations,
    private readonly liveness: Liveness,
    private readonly keepsReplica: boolean,
  ) {}

  async open(): Promise<void> {
    this.events.open();
    this.notices?.open();
    if (this.keepsReplica) await this.revocations.feed.open();
    else this.revocations.keepWindow();
  }

  close(): void {
    this.events.close();
    this.revocations.close();
    this.liveness.close();
    this.streams.close();
  }
}

/** Passes on what the feed tells, to parts that are made after it. */
export class FeedSwitchboard implements FeedListener {
  streams: OpenStreams | undefined;
  redoing: ((texts: readonly string[]) => Promise<string[]>) | undefined;

  constructor(private readonly copies: DataCopies) {}

  heard(revocation: Revocation): void {
    if (revocation.kind === 'd' || revocation.kind === 's') this.copies.forget(revocation.sessionId);
    if (revocation.kind !== 'd') this.streams?.somethingEnded();
  }

  lost(): void {
    this.copies.clear();
  }

  redo(texts: readonly string[]): Promise<string[]> {
    return this.redoing!(texts);
  }
}
