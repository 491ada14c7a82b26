import type { InvalidTokenReason } from '../errors/index.js';
import type { SessionService } from '../sessions/index.js';
import type { AuthFailureReason } from './auth-http-exception.js';

/** What goes on after its request was let in: a socket, or a response that is a stream of events. */
export interface OpenStream {
  /** What it is the same stream by, from one message to the next. */
  readonly channel: object;
  isOpen(): boolean;
  onClose(listener: () => void): void;
  /** Tells the client why, and closes. */
  end(reason: AuthFailureReason): void;
}

/** Ends each stream with the session that opened it; one watch for a stream and token, however many messages come over it. */
export class WatchedStreams {
  private readonly watched = new WeakMap<object, Map<string, () => void>>();

  constructor(private readonly sessions: Pick<SessionService, 'watch'>) {}

  /** @throws InvalidTokenError if the token has expired since it was verified */
  watch(stream: OpenStream, token: string): void {
    const known = this.watched.get(stream.channel);
    if (known?.has(token) === true || !stream.isOpen()) return;
    const letGo = this.sessions.watch(token, (reason) => stream.end(asTold(reason)));
    (known ?? this.begin(stream)).set(token, letGo);
  }

  private begin(stream: OpenStream): Map<string, () => void> {
    const watches = new Map<string, () => void>();
    this.watched.set(stream.channel, watches);
    stream.onClose(() => {
      for (const letGo of watches.values()) letGo();
      this.watched.delete(stream.channel);
    });
    return watches;
  }
}

function asTold(reason: InvalidTokenReason): AuthFailureReason {
  return reason === 'reused' ? 'revoked' : reason;
}
