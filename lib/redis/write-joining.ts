import type { Duplex } from 'node:stream';
import { commandConnections } from './cluster.js';
import type { RedisClient } from './redis-client.js';

/**
 * Joins all that is sent within one turn of the event loop into one write per socket. ioredis writes each command
 * by itself, and those system calls are most of what a busy connection costs.
 */
export class WriteJoining {
  private held: Duplex[] | undefined;

  constructor(private readonly client: RedisClient) {}

  /** To be called before sending. */
  begin(): void {
    if (this.held) return;
    this.held = [];
    for (const { stream } of commandConnections(this.client)) {
      if (!stream || stream.destroyed) continue;
      stream.cork();
      this.held.push(stream);
    }
    process.nextTick(this.flush);
  }

  private readonly flush = (): void => {
    const streams = this.held ?? [];
    this.held = undefined;
    for (const stream of streams) stream.uncork();
  };
}
