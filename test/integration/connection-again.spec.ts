import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreUnavailableError } from '../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../lib/testing/index.js';
import { ask } from '../support/ask.js';
import { openSessions } from '../support/sessions.js';
import { until } from '../support/until.js';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis({ users: ['no-tenants on >pw-of-them %RW~x:s:* %RW~x:u:* &* +@all'] });
});
afterAll(() => redis.stop());

/** A promise, and what resolves it. */
function signal(): [promise: Promise<void>, resolve: () => void] {
  let resolve!: () => void;
  const promise = new Promise<void>((give) => (resolve = give));
  return [promise, resolve];
}

describe('a call of several commands', () => {
  it('sends nothing once its caller was told that it failed', async () => {
    await using on = await openSessions({ redis: redis.url, commandTimeout: 100 });
    await until(() => on.connection.ping(), { what: 'it is connected' });
    const [told, tell] = signal();
    let ended = false;
    const late = on.connection.execute('late', async (client, again) => {
      try {
        await client.ping();
        await told;
        return await again().incr('late');
      } finally {
        ended = true;
      }
    });
    await expect(late).rejects.toMatchObject({ operation: 'late', ambiguous: true });
    tell();
    await until(() => ended);
    const [before, begin] = signal();
    const waiting = on.connection.execute('waiting', (client) => client.incr('waiting'), before);
    await expect(waiting).rejects.toMatchObject({ operation: 'waiting', ambiguous: false });
    begin();
    // answered after whatever was sent over the connection before it
    await until(() => on.connection.ping());
    expect(await ask(redis, (client) => client.exists('late', 'waiting'))).toBe(0);
  });

  it('is in doubt when a later command of it is refused, although a refusal alone is not', async () => {
    await using all = await openSessions({ redis: redis.url, keyPrefix: 'x:' });
    await using some = await openSessions({ redis: `redis://no-tenants:pw-of-them@127.0.0.1:${redis.port}`, keyPrefix: 'x:' });
    const { refreshToken, sessionId } = await all.sessions.create('ann', { tenant: 'acme' });
    const error: unknown = await some.sessions.refresh(refreshToken).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error).toMatchObject({ operation: 'sessions.refresh', ambiguous: true });
    expect(await all.sessions.get(sessionId)).toMatchObject({ generation: 2 });
    await expect(some.sessions.create('ann', { tenant: 'acme' })).rejects.toMatchObject({ ambiguous: false });
  });
});
