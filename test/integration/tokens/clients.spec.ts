import { Redis, type RedisOptions } from 'ioredis';
import { expect, inject, it } from 'vitest';
import { TokenStore } from '../../../lib/tokens/index.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { TEST_SECRET } from '../../support/sessions.js';

const CLIENTS: Record<string, Omit<RedisOptions, 'replyMapping'>> = {
  'as it comes': {},
  'that gives numbers as strings': { stringNumbers: true },
  'that pipelines by itself': { enableAutoPipelining: true },
  'that keeps stacks': { showFriendlyErrorStack: true },
  'that speaks RESP2': { protocol: 2 },
  'that speaks RESP3': { protocol: 3 },
  'with all of it': { protocol: 3, stringNumbers: true, enableAutoPipelining: true, showFriendlyErrorStack: true },
};

const type = 'key';
const owner = 'ann';

it.each(Object.entries(CLIENTS))("works the same over an application's client %s", async (_what, options) => {
  const client = new Redis(inject('redisUrl'), options);
  const tokens = new TokenStore({ redis: client, keyPrefix: uniquePrefix(), secret: TEST_SECRET });
  try {
    const data = { n: 1, big: Number.MAX_SAFE_INTEGER, none: [] };
    const made = await tokens.create({ type, owner, data, requestId: 'r' });
    expect(await tokens.create({ type, owner, requestId: 'r' })).toEqual(made);
    expect(await tokens.get(made)).toStrictEqual(made);
    expect((await tokens.update({ ...made, data: { n: null } }))!.data).toEqual({ big: Number.MAX_SAFE_INTEGER, none: [] });

    const mine = await tokens.create({ type, owner, token: 'mine', ttl: 'never' });
    await expect(tokens.create({ type, owner, token: 'mine' })).rejects.toMatchObject({ name: 'TokenExistsError' });
    expect(await tokens.refresh({ ...mine, ttl: '1h' })).toBe(true);
    expect(await tokens.count({ type, owner })).toBe(2);
    const [first] = await tokens.list({ type, owner, limit: 1 });
    expect((await tokens.list({ type, owner, after: first! })).map(({ id }) => id)).toEqual([made.id]);
    expect((await tokens.consume({ ...mine, requestId: 'r' }))!.id).toBe(mine.id);
    expect((await tokens.consume({ ...mine, requestId: 'r' }))!.id).toBe(mine.id);
    expect(await tokens.delete({ type, id: made.id })).toBe(true);
    expect(await tokens.delete(made)).toBe(false);

    const issued = (await tokens.createCode({ type, owner, maxAttempts: 2 }))!;
    expect(issued.expiresAt.getTime() - issued.createdAt.getTime()).toBe(600_000);
    const attempt = { type, owner, code: issued.code };
    expect(await tokens.verifyCode({ ...attempt, code: 'wrong' })).toMatchObject({ reason: 'wrong', attemptsLeft: 1 });
    expect(await tokens.verifyCode(attempt)).toMatchObject({ valid: true, data: {} });
    await tokens.createCode({ type, owner, maxAttempts: 1 });
    await tokens.verifyCode({ ...attempt, code: 'wrong' });
    const { lockedUntil } = await tokens.verifyCode({ ...attempt, code: 'wrong' });
    expect(lockedUntil!.getTime()).toBeGreaterThan(issued.createdAt.getTime());
    expect(await tokens.createCode({ type, owner })).toBeNull();

    await Promise.all(Array.from({ length: 3 }, (_, n) => tokens.create({ type: `type-${n}`, owner, token: `mine-${n}` })));
    expect(await tokens.deleteAll({ owner })).toBe(3);
  } finally {
    await tokens.close();
    client.disconnect();
  }
});
