import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { isSessionId, type KeySpace, type RedisAuthConnection } from '../redis/index.js';

const MARKER = /\{([A-Za-z0-9_-]{6})\}([A-Za-z0-9_-]+)$/;

/**
 * Makes `expired` events prompt: a marker key per session expires with it, and the server's notification of that
 * makes this instance look at the session, which notices the expiry (once, whoever looks first). On a Cluster
 * notifications reach only subscribers of the node in question, so there it is left to those who read.
 */
export class ExpiryNotices {
  private readonly logger = new Logger('RedisAuthEvents');
  private warned = false;

  constructor(
    private readonly connection: RedisAuthConnection,
    private readonly keys: KeySpace,
    private readonly look: (sessionId: string) => Promise<unknown>,
  ) {}

  open(): void {
    if (this.connection.client.isCluster) {
      this.logger.warn('sessions.keyspaceNotifications has no effect on a Redis Cluster; expiries are told when noticed');
      return;
    }
    const link = this.connection.openLink() as Redis;
    link.on('ready', () => void this.listen(link));
    link.on('pmessage', (_pattern: string, _channel: string, key: string) => this.notice(key));
  }

  /** Over the link and not the connection: that the server refuses CONFIG, as managed ones do, is no outage. */
  private async listen(link: Redis): Promise<void> {
    try {
      await this.arm(link);
    } catch {
      if (link.status === 'ready' && !this.warned) {
        this.logger.warn('sessions.keyspaceNotifications: CONFIG is refused; see to notify-keyspace-events "Ex" on the server yourself');
        this.warned = true;
      }
    }
    await link.psubscribe('__keyevent@*__:expired').catch(() => undefined);
  }

  private async arm(link: Redis): Promise<void> {
    const reply = (await link.config('GET', 'notify-keyspace-events')) as string[] | Record<string, string>;
    // a client may be set to give maps as objects
    const flags = (Array.isArray(reply) ? reply[1] : reply['notify-keyspace-events']) ?? '';
    const missing = ['E', 'x'].filter((flag) => !flags.includes(flag) && !(flag === 'x' && flags.includes('A')));
    if (missing.length > 0) await link.config('SET', 'notify-keyspace-events', flags + missing.join(''));
  }

  private notice(key: string): void {
    const marker = key.startsWith(this.keys.expiryMarkers) ? MARKER.exec(key) : null;
    const sessionId = marker === null ? '' : `${marker[1]}${marker[2]}`;
    // whoever is told later, or cannot reach Redis now, loses nothing but promptness
    if (isSessionId(sessionId)) this.look(sessionId).catch(() => undefined);
  }
}
