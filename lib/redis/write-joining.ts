import type { Duplex } from 'node:stream';
import { commandConnections } from './cluster.js';
import type { RedisClient } from './redis-client.js';

/** So that Redis works on the first commands of a burst while the others are being made. */
const MOST_JOINED = 32;

/**
 * Joins what is sent within one turn of the event loop into few writes per socket. ioredis writes each command by
 * itself, and those system calls are most of what a busy connection costs.
 */
export class WriteJoining {
  private held: Duplex[] | undefined;
  private joined = 0;

  constructor(private readonly client: RedisClient) {}

  /** To be called before sending. */
  begin(): void {
    if (this.held) {
      this.joined += 1;
      if (this.joined % MOST_JOINED === 0) this.pass(this.held);
      return;
    }
    this.joined = 0;
    this.held = [];
    for (const { stream } of commandConnections(this.client)) {
      if (!stream || stream.destroyed) continue;
      stream.cork();
      this.held.push(stream);
    }
    process.nextTick(this.flush);
  }

  private pass(streams: readonly Duplex[]): void {
    for (const stream of streams) {
      stream.uncork();
      stream.cork();
    }
  }

  private readonly flush = (): void => {
    const streams = this.held ?? [];
    this.held = undefined;
    for (const stream of streams) stream.uncork();
  };
}
