import { type Again, isCluster, type RedisClient } from '../redis/index.js';
import type { Availability } from './availability.js';
import type { CacheKeys } from './cache-keys.js';
import { entryText, failureMark, fillMark, LEASE_MS, readEntry } from './entry.js';
import { KeptVersions } from './kept-versions.js';
import { ServerClock } from './server-clock.js';
import { ELECT, ENSURE, RAISE, READ, RELEASE, RENEW, STORE } from './entry.lua.js';

/** What is known of an entry. */
export interface Look {
  /** Of who wrote or loads it; '' where there is nothing at all. */
  readonly token: string;
  readonly leaseLeftMs: number;
  readonly freshLeftMs: number;
  /** Undefined where there is none, or what it depends on was invalidated. */
  readonly value: string | undefined;
  /** As they are now, of the namespaces and of the tags that were asked for; to be compared, since one may be missing. */
  readonly versions: string;
  /** Keys of the versions that the entry depends on. */
  readonly dependsOn: readonly string[];
}

/** A value and how to keep it. */
export interface Fill {
  readonly value: string;
  readonly freshMs: number;
  readonly keptMs: number;
  readonly versions: string;
  readonly tags: readonly string[];
}

/** Who loads: us, under these versions, or somebody else for at most so long. */
export type Election = { readonly versions: string } | { readonly versions?: never; readonly token: string; readonly leaseLeftMs: number };

type ReadReply = Awaited<ReturnType<typeof READ.run>>;

const FAILURE_STANDS_MS = 1_000;

/**
 * Entries as they lie in Redis; undefined wherever it cannot be asked. What lies in several slots of a Cluster is asked
 * for at the same time; where all of Redis is one server it is one script.
 */
export class EntryStore {
  private readonly clock = new ServerClock();
  private readonly keptVersions = new KeptVersions();

  constructor(private readonly redis: Availability) {
    redis.onReady(() => this.clock.forget());
  }

  /**
   * One round trip. One more for an entry with other tags than are given here, since only the entry tells which it has.
   * Versions may be read before or after the entry itself: an invalidation that was acknowledged before the look is seen.
   */
  async look(keys: CacheKeys, entry: string, tags: readonly string[]): Promise<Look | undefined> {
    const wanted = tags.length === 0 ? keys.versions : [...keys.versions, ...tags.map((tag) => keys.tag(tag))];
    const found = await this.redis.attempt('cache.get', async (client, again) => {
      const reply = await this.read(client, entry, wanted, again);
      const [text, now] = reply;
      const seen = text === null ? undefined : readEntry(text, Number(now));
      const versions = reply.length === 3 ? (reply[2] as string) : reply.slice(2).join(',');
      if (seen === undefined) return { token: '', leaseLeftMs: 0, freshLeftMs: 0, value: undefined, versions, dependsOn: wanted };
      let dependsOn = wanted;
      let value = seen.value;
      if (value !== undefined) {
        let current = versions;
        if (seen.tags !== (tags.length === 0 ? '' : tags.join(','))) {
          const names = seen.tags === '' ? [] : seen.tags.split(',').map((tag) => keys.tag(tag));
          dependsOn = [...keys.versions, ...names];
          const own = reply.slice(2, 2 + keys.versions.length);
          current = [...own, ...(names.length === 0 ? [] : await readVersions(again(), names))].join(',');
        }
        if (current !== seen.versions) value = undefined;
      }
      return { token: seen.token, leaseLeftMs: seen.leaseLeftMs, freshLeftMs: seen.freshLeftMs, value, versions, dependsOn };
    });
    return found;
  }

  private async read(client: RedisClient, entry: string, versions: readonly string[], again: Again): Promise<ReadReply> {
    const now = performance.now();
    if (isCluster(client)) {
      // its masters have clocks of their own
      const [[text, nowMs], found] = await Promise.all([READ.run(client, [entry], [], again), readVersions(client, versions)]);
      return [text, nowMs, ...found];
    }
    const known = this.clock.atMost(now);
    if (known !== undefined) {
      const [text = null, ...found] = await client.mget(entry, ...versions);
      return [text, known, ...found];
    }
    const reply = await READ.run(client, [entry, ...versions], [], again);
    this.clock.note(Number(reply[1]), now);
    return reply;
  }

  /** Writes whatever is there. One round trip; two on a Cluster, where the versions come first. */
  async write(keys: CacheKeys, entry: string, token: string, value: string, ms: number): Promise<void> {
    await this.redis.insist('cache.set', async (client, again) => {
      if (isCluster(client)) {
        const versions = await ensure(client, keys.versions, ms, again);
        return STORE.run(again(), [entry], ['', token, ms, ms, versions.join(','), '', value], again);
      }
      const now = performance.now();
      const known = this.keptVersions.of(keys.version, ms);
      const nowMs = this.clock.atLeast(now);
      if (known !== undefined && nowMs !== undefined) {
        // Two plain commands cost less than one script. Written under versions that have been raised since, it is
        // nobody's; it is then written once more, as if the call had come after that.
        const text = entryText({ token, freshUntilMs: nowMs + ms, versions: known, value });
        const [, current] = await Promise.all([client.set(entry, text, 'PX', ms), client.mget(...keys.versions)]);
        if (current.join(',') === known) return null;
      }
      const askedAt = performance.now();
      const stored = await STORE.run(again(), [entry, ...keys.versions], ['', token, ms, ms, '', '', value], again);
      this.clock.note(Number(stored![0]), askedAt);
      this.keptVersions.note(keys.version, stored![1], ms);
      return stored;
    });
  }

  /** Writes what was loaded, if the lease still stands. One round trip. False where Redis cannot be asked or is full. */
  async fill(entry: string, token: string, { value, freshMs, keptMs, versions, tags }: Fill): Promise<boolean> {
    const filled = await this.redis.attempt('cache.getOrSet', (client, again) =>
      STORE.run(client, [entry], [token, fillMark(token), freshMs, keptMs, versions, tags.join(','), value], again),
    );
    return filled !== undefined;
  }

  /** One round trip. The versions are there from now on for at least `keepMs`. */
  async elect(
    keys: CacheKeys,
    entry: string,
    tags: readonly string[],
    lease: { seen: string; token: string; keepMs: number },
  ): Promise<Election | undefined> {
    const versionKeys = [...keys.versions, ...tags.map((tag) => keys.tag(tag))];
    const args = [lease.seen, lease.token, LEASE_MS, lease.keepMs];
    return this.redis.attempt('cache.getOrSet', async (client, again) => {
      const split = isCluster(client);
      const [[elected, ...rest], versions] = await Promise.all([
        ELECT.run(client, split ? [entry] : [entry, ...versionKeys], args, again),
        split ? ensure(client, versionKeys, lease.keepMs, again) : undefined,
      ]);
      if (Number(elected) === 1) return { versions: (versions ?? rest).join(',') };
      return { token: String(rest[0]), leaseLeftMs: Number(rest[1]) };
    });
  }

  /** One round trip; false where the lease has ended. */
  async renew(entry: string, token: string): Promise<boolean> {
    return (
      Number(await this.redis.attempt('cache.getOrSet', (client, again) => RENEW.run(client, [entry], [token, LEASE_MS], again))) === 1
    );
  }

  /** Gives a lease up; after a failure what is stale is kept, and loading it is not tried again for a second. */
  async release(entry: string, token: string, hasFailed: boolean): Promise<void> {
    const mark = hasFailed ? failureMark(token) : '';
    await this.redis.attempt('cache.getOrSet', (client, again) => RELEASE.run(client, [entry], [token, mark, FAILURE_STANDS_MS], again));
  }

  /** Ends everything under these versions. One command; on a Cluster one each, at the same time. */
  async raise(operation: string, versions: readonly string[]): Promise<void> {
    await this.redis.insist(operation, async (client, again) => {
      const calls = isCluster(client) ? versions.map((version) => [version]) : [versions];
      return Promise.all(calls.map((keys) => RAISE.run(client, keys, [], again)));
    });
  }

  /** One command a thousand of them; on a Cluster one each, at the same time. */
  async remove(entries: readonly string[]): Promise<void> {
    await this.redis.insist('cache.delete', (client) =>
      Promise.all(batches(entries, isCluster(client) ? 1 : 1000).map((batch) => client.unlink(...batch))),
    );
  }
}

function readVersions(client: RedisClient, keys: readonly string[]): Promise<(string | null)[]> {
  return isCluster(client) ? Promise.all(keys.map((key) => client.get(key))) : client.mget(...keys);
}

async function ensure(client: RedisClient, keys: readonly string[], ms: number, again: Again): Promise<string[]> {
  return (await Promise.all(keys.map((key) => ENSURE.run(client, [key], [ms], again)))).flat();
}

function batches<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, n) => all.slice(n * size, (n + 1) * size));
}
