import { InvalidTokenError } from '../../lib/errors/index.js';
import type { SessionEvent, SessionService } from '../../lib/sessions/index.js';
import { until } from './until.js';

/** Why a token was refused; `'resolved'` where it was not, and any other error as it is. */
export function reasonOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => 'resolved',
    (error: unknown) => (error instanceof InvalidTokenError ? error.reason : error),
  );
}

/** How a call ended, for comparing: its result, or the error it rejected with. */
export async function outcomeOf<T>(call: Promise<T>): Promise<{ result: T; error?: undefined } | { error: unknown; result?: undefined }> {
  try {
    return { result: await call };
  } catch (error) {
    return { error };
  }
}

/**
 * Resolves when an instance refuses the token for this reason, as it does at once where it asks Redis or has ended the
 * session itself, and within milliseconds where it has to hear of it.
 */
export async function refused({ sessions }: { sessions: SessionService }, accessToken: string, reason = 'revoked'): Promise<void> {
  const what = `the token is refused as ${reason}`;
  await until(async () => (await reasonOf(sessions.verify(accessToken))) === reason, { within: 2_500, every: 1, what });
}

/** What one instance hears. */
export class EventsHeard implements Disposable {
  private readonly heard: SessionEvent[] = [];
  private readonly subscription: { unsubscribe(): void };

  private constructor(private readonly sessions: SessionService) {
    this.subscription = sessions.events.subscribe((event) => this.heard.push(event));
  }

  /** Resolves when events are heard. */
  static async of(sessions: SessionService): Promise<EventsHeard> {
    const events = new EventsHeard(sessions);
    await until(() => events.reachesUs(), { what: 'events are heard' });
    events.heard.length = 0;
    return events;
  }

  /** Everything that one server told before this call: it keeps the order, so that an event of our own marks the end. */
  async untilNow(): Promise<SessionEvent[]> {
    const marks = new Set<string>();
    await until(
      async () => {
        // again, since a mark may be lost where the link has just been cut
        marks.add((await this.sessions.create(MARKER)).sessionId);
        return this.heard.some(({ sessionId }) => marks.has(sessionId));
      },
      { every: 20, what: 'the mark is heard' },
    );
    return this.heard.filter(({ userId }) => userId !== MARKER);
  }

  [Symbol.dispose](): void {
    this.subscription.unsubscribe();
  }

  private async reachesUs(): Promise<boolean> {
    await this.sessions.create(MARKER);
    return this.heard.length > 0;
  }
}

const MARKER = 'marker-of-the-test';
