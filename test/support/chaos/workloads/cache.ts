import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { CacheAdapter } from '../../../../lib/cache/index.js';
import { resolveOptions } from '../../../../lib/options/index.js';
import { RedisAuthConnection } from '../../../../lib/redis/index.js';
import { testOptions } from '../../sessions.js';
import { type CacheCall, now } from '../history.js';
import { every, type Workload, type WorkloadContext } from '../workload.js';

const KEYS = 4;

interface Value {
  readonly name: string;
}

/** What was sent for one call. */
interface Sent {
  carriedOut: number;
  failed: number;
}

/** Fills, looks and invalidates: entries, tags, everything. Loaders take a while, so that invalidations come in between. */
export async function cacheWorkload(context: WorkloadContext): Promise<Workload> {
  const { index, options, random, recorder } = context;
  const resolved = resolveOptions(testOptions(options));
  const connection = new RedisAuthConnection(resolved.redis, { commandTimeoutMs: resolved.commandTimeoutMs });
  const sent = new AsyncLocalStorage<Sent>();
  witness(connection, sent);
  await connection.open();
  const cache = new CacheAdapter({ connection, keyPrefix: resolved.keyPrefix, cache: resolved.cache, close: () => connection.close() });
  let made = 0;

  const nameOne = (): string => `${index}.${(made += 1)}`;
  const found = (value: Value | null): Partial<CacheCall> => (value === null ? {} : { value: value.name });

  /** A cache tells nobody whether Redis did what it was asked to. */
  function change(does: CacheCall['does'], about: Partial<CacheCall>, call: () => Promise<void>): Promise<unknown> {
    const own: Sent = { carriedOut: 0, failed: 0 };
    const outcome = (): { outcome: string } => ({ outcome: own.carriedOut > 0 && own.failed === 0 ? 'ok' : 'unavailable' });
    return recorder.record<CacheCall, void>(does, about, () => sent.run(own, call), outcome);
  }

  async function load(key: string, tags: readonly string[]): Promise<Value> {
    const start = now();
    const value = nameOne();
    await sleep(random() * 60);
    recorder.note<CacheCall>({ does: 'load', start, end: now(), outcome: 'ok', key, value, tags });
    return { name: value };
  }

  async function act(): Promise<void> {
    const number = Math.floor(random() * KEYS);
    const [key, tags] = [`entry-${number}`, [`tag-${number % 2}`]];
    const roll = random() * 100;
    if (roll < 40) {
      const opts = { ttl: '3s', tags, ...(roll < 15 && { grace: '2s' }) };
      await recorder.record<CacheCall, Value>('get-or-set', { key }, () => cache.getOrSet(key, () => load(key, tags), opts), found);
    } else if (roll < 80) await recorder.record<CacheCall, Value | null>('get', { key }, () => cache.get<Value>(key), found);
    else if (roll < 84) {
      const value = nameOne();
      await change('set', { key, value }, () => cache.set(key, { name: value }, '3s'));
    } else if (roll < 96) await change('delete', { key }, () => cache.delete(key));
    else if (roll < 99) await change('invalidate-tags', { tags }, () => cache.invalidateTags(...tags));
    else await change('clear', {}, () => cache.clear());
  }

  const stop = every(8, context, act);
  return { rest: stop, [Symbol.asyncDispose]: () => cache.close() };
}

/** Counts what was sent for the call of the cache within which it was sent, and whether Redis carried it out. */
function witness(connection: RedisAuthConnection, sent: AsyncLocalStorage<Sent>): void {
  const execute = connection.execute.bind(connection);
  connection.execute = async (operation, send, before) => {
    const own = operation.startsWith('cache.') ? sent.getStore() : undefined;
    try {
      const result = await execute(operation, send, before);
      if (own !== undefined) own.carriedOut += 1;
      return result;
    } catch (error) {
      if (own !== undefined) own.failed += 1;
      throw error;
    }
  };
}
