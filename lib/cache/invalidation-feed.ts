import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { from, stateChanges } from '../diagnostics/index.js';
import { isCluster, type RedisAuthConnection } from '../redis/index.js';
import { InvalidationLink } from './invalidation-link.js';
import type { LocalTier } from './local-tier.js';

/** Waits for the next change of an entry; to be cancelled if it is not waited for. */
export interface Wake {
  /** Resolves with the change, or after so long at most. */
  within(ms: number): Promise<void>;
  cancel(): void;
}

/** How often one looks who cannot be woken. */
const LOOK_AGAIN_MS = 100;
const SLOWEST_PING_MS = 500;

/**
 * Hears of changes in Redis: takes them out of the in-process tier, and wakes who waits for an entry to be filled. One
 * link to each master. It vouches for what is in the tier only while every master has answered a PING that was sent
 * within the bound; a link that is silent, cut or yet to be made ends that for the whole tier.
 */
export class InvalidationFeed {
  private readonly logger = new Logger('RedisAuthCache');
  private readonly links = new Map<string, InvalidationLink>();
  private readonly waiting = new Map<string, Set<() => void>>();
  private heartbeat: NodeJS.Timeout | undefined;
  private vouchedUntil = -Infinity;
  private isInUse = false;
  private warned = false;
  private closed = false;

  constructor(
    private readonly connection: RedisAuthConnection,
    private readonly tier: LocalTier,
    private readonly watched: readonly [entries: string, versions: string],
    private readonly boundMs: number,
  ) {}

  /** Whether what is in the tier may be used: nothing that changed longer ago than the bound is unheard of. */
  get vouches(): boolean {
    return this.vouchesAt(performance.now());
  }

  vouchesAt(now: number): boolean {
    return now < this.vouchedUntil;
  }

  /** Begins to listen, in the background; costs nothing the second time. */
  start(): void {
    if (this.heartbeat !== undefined || this.closed) return;
    this.follow();
    this.heartbeat = setInterval(() => this.beat(), Math.min(this.boundMs / 4, SLOWEST_PING_MS)).unref();
    this.connection.on('ready', this.follow);
  }

  /** From this call on no change is missed, while the feed hears at all. */
  wakeOn(entry: string): Wake {
    let woken: () => void = () => undefined;
    const change = new Promise<void>((resolve) => (woken = resolve));
    const waiting = this.waiting.get(entry) ?? new Set();
    this.waiting.set(entry, waiting.add(woken));
    const cancel = (): void => {
      waiting.delete(woken);
      if (waiting.size === 0 && this.waiting.get(entry) === waiting) this.waiting.delete(entry);
    };
    return {
      cancel,
      within: async (ms) => {
        let timer: NodeJS.Timeout | undefined;
        const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, this.vouches ? ms : Math.min(ms, LOOK_AGAIN_MS))));
        await Promise.race([change, over]);
        clearTimeout(timer);
        cancel();
      },
    };
  }

  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.heartbeat);
    this.connection.off('ready', this.follow);
    const links = [...this.links.values()];
    this.links.clear();
    this.lost();
    await Promise.all(links.map((link) => link.close()));
  }

  private beat(): void {
    this.follow();
    for (const link of this.links.values()) void link.ping().then(() => this.vouch());
    this.tell();
  }

  /** Makes the links be those of the masters as they are now. */
  private readonly follow = (): void => {
    const masters = this.masters();
    for (const [address, link] of this.links) {
      if (masters.has(address)) continue;
      this.links.delete(address);
      this.lost();
      void link.close();
    }
    for (const [address, master] of masters) {
      if (this.links.has(address)) continue;
      this.lost();
      const link = new InvalidationLink(master, this.watched, {
        changed: (key) => this.changed(key),
        lost: () => this.lost(),
        refused: (error) => this.refused(error),
      });
      this.links.set(address, link);
    }
  };

  private masters(): Map<string, Redis> {
    const { client } = this.connection;
    if (!isCluster(client)) return new Map([['', client]]);
    // a replica may still answer with what its master has told to have changed
    if (client.options.scaleReads !== undefined && client.options.scaleReads !== 'master') return new Map();
    return new Map(client.nodes('master').map((node) => [`${node.options.host}:${node.options.port}`, node]));
  }

  private vouch(): void {
    let heardUntil = Infinity;
    for (const link of this.links.values()) heardUntil = Math.min(heardUntil, link.heardUntil);
    this.vouchedUntil = this.links.size === 0 ? -Infinity : heardUntil + this.boundMs;
    this.tell();
  }

  /** Whether the tier is in use, where that has changed. */
  private tell(): void {
    const { vouches } = this;
    if (this.isInUse === vouches) return;
    this.isInUse = vouches;
    if (!stateChanges.hasSubscribers || !this.tier.isOn) return;
    stateChanges.publish({ ...from(this.connection.observer), part: 'local-cache', state: vouches ? 'up' : 'down' });
  }

  private changed(key: string): void {
    const [entries, versions] = this.watched;
    if (key.startsWith(versions)) return this.tier.forgetVersion(key);
    if (!key.startsWith(entries)) return;
    this.tier.forget(key);
    const waiting = this.waiting.get(key);
    if (waiting === undefined) return;
    this.waiting.delete(key);
    for (const wake of waiting) wake();
  }

  private lost(): void {
    this.vouchedUntil = -Infinity;
    this.tier.clear();
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const wakes of waiting) for (const wake of wakes) wake();
  }

  private refused(error: Error): void {
    if (this.warned) return;
    this.warned = true;
    this.logger.warn(
      `the in-process tier of the cache is off: Redis refuses to tell of changes (${error.message}); the ACL user needs +client|id +client|tracking +subscribe +ping &__redis__:invalidate`,
    );
  }
}
