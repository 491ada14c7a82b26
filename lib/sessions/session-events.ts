import { Logger } from '@nestjs/common';
import { Observable, Subject } from 'rxjs';
import {
  databaseOf,
  decodeIdentity,
  type Identity,
  isSessionId,
  type KeySpace,
  type RedisAuthConnection,
  type RedisClient,
} from '../redis/index.js';
import type { SessionEvent, SessionEventType } from './session-types.js';

/** How long calls may be held back for a link that does not get ready. */
const LONGEST_WAIT_MS = 250;
const RETRY_MS = 1_000;

/**
 * Session events of every instance, by pub/sub from the scripts themselves: what was told has happened, and
 * nothing is told twice. Messages are received once somebody has begun to listen, and are lost while the link is down.
 */
export class SessionEvents {
  readonly stream = new Observable<SessionEvent>((subscriber) => {
    this.listen();
    return this.events.subscribe(subscriber);
  });

  /** Set while a subscription is under way, so that calls of this instance can wait until they will be heard. */
  listening: Promise<void> | undefined;

  /** Pub/sub knows no databases: those of one server are told apart by the channel. */
  readonly channel: string;

  private readonly events = new Subject<SessionEvent>();
  private readonly logger = new Logger('RedisAuthEvents');
  private wanted = false;
  private refused = false;
  private heard: () => void = () => undefined;
  private link: RedisClient | undefined;

  constructor(
    private readonly connection: RedisAuthConnection,
    keys: KeySpace,
  ) {
    this.channel = keys.eventChannel(databaseOf(connection.client));
  }

  /** Connects the link in the background; a Redis that is down is waited for. */
  open(): void {
    this.link = this.connection.openLink();
    this.link.on('ready', () => {
      if (this.wanted) this.subscribe();
    });
    this.link.on('message', (channel: string, message: string) => {
      if (channel === this.channel && this.events.observed) this.receive(message);
    });
  }

  close(): void {
    this.events.complete();
  }

  private listen(): void {
    if (this.wanted) return;
    this.wanted = true;
    const heard = new Promise<void>((resolve) => {
      this.heard = resolve;
      setTimeout(resolve, LONGEST_WAIT_MS).unref();
    });
    this.listening = heard;
    void heard.then(() => (this.listening = undefined));
    if (this.link?.status === 'ready') this.subscribe();
  }

  private subscribe(): void {
    this.link!.subscribe(this.channel).then(
      () => this.heard(),
      (error: unknown) => this.notHeard(error),
    );
  }

  /** Nothing else depends on events: calls go on. A refusal stays one until the link is made anew; all else is tried again. */
  private notHeard(error: unknown): void {
    this.heard();
    if (error instanceof Error && error.message.startsWith('NOPERM')) {
      if (!this.refused)
        this.logger.warn(`session events are not heard: the ACL user may not subscribe to ${this.channel}; grant it &${this.channel}`);
      this.refused = true;
    } else if (this.link?.status === 'ready') {
      setTimeout(() => this.link?.status === 'ready' && this.subscribe(), RETRY_MS).unref();
    }
  }

  private receive(message: string): void {
    const event = parseEvent(message);
    if (event !== undefined) this.events.next(event);
  }
}

const MESSAGE = /^(created|refreshed|revoked|evicted|expired|reuse-detected) ([\w-]+) (\S+) (\d{1,15}) (\d+|-) (\d+|-) (.*)$/s;

/** `type sessionId identity ms presented current reason`, as the scripts write it; undefined for anything else, since others may publish too. */
export function parseEvent(message: string): SessionEvent | undefined {
  const [, type, sessionId = '', encoded = '', at, presented, current, reason = ''] = MESSAGE.exec(message) ?? [];
  const identity = isSessionId(sessionId) ? readIdentity(encoded) : undefined;
  if (identity === undefined) return undefined;
  return {
    type: type as SessionEventType,
    sessionId,
    ...identity,
    at: new Date(Number(at)),
    ...(reason !== '' && { reason }),
    ...(type === 'reuse-detected' && { generation: { presented: Number(presented), current: Number(current) } }),
  };
}

function readIdentity(encoded: string): Identity | undefined {
  try {
    return decodeIdentity(encoded);
  } catch {
    return undefined;
  }
}
