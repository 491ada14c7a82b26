import { isOfFeed } from '../feed.js';
import { FaultProxy } from '../proxy.js';
import type { LinkFault } from './schedule.js';

/** The ways of one instance to every server that it may speak to. */
export class Links implements AsyncDisposable {
  private constructor(private readonly proxies: ReadonlyMap<string, FaultProxy>) {}

  /** @param servers urls, or paths of sockets */
  static async open(servers: readonly string[]): Promise<Links> {
    return new Links(new Map(await Promise.all(servers.map(async (url) => [url, await FaultProxy.open(url)] as const))));
  }

  urlTo(server: string): string {
    return this.proxies.get(server)!.url;
  }

  /** For ioredis: where to go instead of each server's own address. */
  get natMap(): Record<string, { host: string; port: number }> {
    return Object.fromEntries([...this.proxies].map(([url, { port }]) => [new URL(url).host, { host: '127.0.0.1', port }]));
  }

  /** Sets in before it resolves. */
  async begin(fault: LinkFault, byMs = 0): Promise<void> {
    for (const proxy of this.proxies.values()) {
      if (fault === 'cut') proxy.cut();
      else if (fault === 'silent') proxy.silence();
      else if (fault === 'late') proxy.delay = byMs;
      else if (fault === 'refused') await proxy.refuse();
      else proxy.acceptThenClose();
    }
  }

  /** What comes next from one of these ports of clients, or the reply to it, is lost; resolves when that has happened. */
  async loseNext(drop: 'request' | 'reply', ports: ReadonlySet<number>): Promise<void> {
    await Promise.race([...this.proxies.values()].map((proxy) => proxy.loseNext(drop, ports)));
  }

  /** What follows the feed loses its connection whenever it asks; all else works. Until {@link heal}. */
  starveFeed(): void {
    const starve = async (proxy: FaultProxy): Promise<void> => {
      for (;;) await proxy.dropNextRequest(isOfFeed);
    };
    for (const proxy of this.proxies.values()) void starve(proxy);
  }

  /** Ends every fault. A connection that is late is cut: what is still on its way would be overtaken. */
  async heal(): Promise<void> {
    for (const proxy of this.proxies.values()) {
      if (proxy.delay > 0) proxy.cut();
      await proxy.heal();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const proxy of this.proxies.values()) await proxy.close();
  }
}
