import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../../../lib/errors/index.js';
import { StoreStatistics } from '../../../lib/observability/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { commandStats, growth } from '../../support/commands.js';
import { isText, NAUGHTY_STRINGS } from '../../support/naughty-strings/index.js';
import { type Kind, kindsOf, Services } from './kinds.js';

let redis: TestRedis;
let services: Services;
let kinds: Record<string, Kind>;
beforeAll(async () => {
  redis = await startRedis();
  services = await Services.open(redis.url);
  kinds = kindsOf(services);
});
afterAll(async () => {
  await services[Symbol.asyncDispose]();
  await redis.stop();
});

/** What the server did, but for what goes on by itself. */
async function work(): Promise<Record<string, number>> {
  const all = Object.entries(await commandStats(redis));
  return Object.fromEntries(all.filter(([name]) => !['info', 'hello', 'ping', 'subscribe'].includes(name) && !name.startsWith('client|')));
}

describe('each of more than 600 naughty strings', () => {
  it('is one of many', () => expect(NAUGHTY_STRINGS.length).toBeGreaterThanOrEqual(process.env['NAUGHTY_STRINGS'] ? 1 : 600));

  it.each([
    'user of a session',
    'tenant of a session',
    'requestId of a sign-in',
    'owner of a token',
    'type of a token',
    'app of a token',
    'token of one’s own',
    'requestId of a token',
    'owner of a code',
    'key of the cache',
    'namespace of the cache',
    'tag of the cache',
    'lock of the cache',
    'key of Keyv',
    'key of a lock',
    'group of locks',
    'key of a lock in a group',
    'key of a rate limit',
    'requestId of a rate limit',
    'account that signs in',
    'key of a throttler',
    'server of client credentials',
    'state of a sign-in elsewhere',
    'user of a token of others',
    'url of a token of others',
    'key of a token of others',
    'token that another server introspects',
  ])('as %s is refused before any command, or isolated from every other', async (name) => {
    const { maxBytes, orEmpty, except, keep, look, end, ended } = kinds[name]!;
    const isRight = (text: string): boolean => (orEmpty && text === '') || isText(text, maxBytes);
    const wrong = NAUGHTY_STRINGS.filter((text) => !isRight(text));
    const reserved = NAUGHTY_STRINGS.filter((text) => isRight(text) && except?.test(text));
    const right = NAUGHTY_STRINGS.filter((text) => isRight(text) && !except?.test(text));

    const before = await work();
    const isRefused = (call: Promise<unknown>): Promise<void> => expect(call).rejects.toBeInstanceOf(InvalidArgumentError);
    for (const call of [keep, look, ...(end ? [end] : [])]) await Promise.all(wrong.map((text) => isRefused(call(text, 0))));
    await Promise.all(reserved.map((text) => isRefused(keep(text, 0))));
    expect(growth(before, await work())).toEqual({});

    const kept = await Promise.all(right.map((text, mark) => keep(text, mark)));
    if (end) {
      expect(await Promise.all(right.map((text) => look(text)))).toEqual(kept);
      await Promise.all(right.filter((_text, place) => place % 2 === 0).map((text) => end(text)));
    }
    const left = kept.map((of, place) => (end && place % 2 === 0 ? ended : of));
    expect(await Promise.all(right.map((text) => look(text)))).toEqual(left);
  });

  it('that was kept is told as it is by whatever lists: statistics, keys of the cache, keys of tokens', async () => {
    const { on, cache, oauth } = services;
    const types = NAUGHTY_STRINGS.filter((text) => isText(text, 256));
    await Promise.all(types.map((type) => on.tokens.create({ type, owner: 'told', app: 'told' })));
    const statistics = new StoreStatistics({ redis: redis.url, keyPrefix: on.keyPrefix });
    const { tokenTypes } = await statistics.statistics({ sample: Infinity });
    await statistics.close();
    const told = tokenTypes.filter(({ app }) => app === 'told').map(({ type }) => type);
    expect(told.toSorted()).toEqual(types.toSorted());

    const keys = NAUGHTY_STRINGS.filter((text) => isText(text, 1_024));
    const space = cache.namespace('told');
    await Promise.all(keys.map((key) => space.set(key, key, '5m')));
    const entries: [string, string][] = [];
    for await (const entry of space.entries()) entries.push(entry);
    expect(entries.toSorted()).toEqual(keys.map((key) => [key, key]).toSorted());

    await Promise.all(keys.map((key) => oauth.storeToken(key, 'x')));
    expect(await oauth.listTokens()).toEqual(keys.toSorted());
  });
});
