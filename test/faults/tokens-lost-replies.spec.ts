import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { StoreUnavailableError, TokenExistsError } from '../../lib/errors/index.js';
import type { TokenStore } from '../../lib/tokens/index.js';
import { LOSSY_WAYS, type LossyWay, retried, withLostReply } from '../support/lossy-ways.js';
import type { CommandMatch } from '../support/proxy.js';
import { outcomeOf } from '../support/session-outcomes.js';
import { openTokens, type TokensUnderTest } from '../support/tokens.js';

const PREFIX = 'p:';
const OF = { type: 'key', owner: 'ann' };

/** The script call on a key of that letter. */
const scriptOn =
  (letter: string): CommandMatch =>
  ([command, , , key]) =>
    command?.toLowerCase() === 'evalsha' && key?.startsWith(PREFIX + letter) === true;

describe.each(Object.keys(LOSSY_WAYS))('a reply that is lost on the way from %s', (name) => {
  let way: LossyWay;
  let on: TokensUnderTest;
  let tokens: TokenStore;
  beforeAll(async () => {
    way = await LOSSY_WAYS[name]!();
    on = await openTokens({ redis: way.redis, keyPrefix: PREFIX });
    ({ tokens } = on);
    // the servers get to know the scripts, all of them: which one a key is on is not known here
    for (let owner = 0; owner < 40; owner++) {
      for (const custom of [{}, { token: `warm-${owner}` }]) {
        const made = await tokens.create({ type: 'warm', owner: String(owner), ...custom });
        await tokens.update({ ...made, data: { a: 1 } });
        await tokens.refresh({ ...made, ttl: '1h' });
        await tokens.consume(made);
        await tokens.delete({ type: 'warm', id: made.id });
        await tokens.deleteAll({ owner: String(owner) });
      }
    }
  });
  afterAll(async () => {
    await on?.[Symbol.asyncDispose]();
    await way?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await tokens.deleteAll({ owner: 'ann' });
  });

  /** The call whose reply is lost, and then the same again. */
  async function twice<T>(call: () => Promise<T>, match: CommandMatch = scriptOn('')): Promise<T> {
    const error = await withLostReply(way, call, match);
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error).toMatchObject({ ambiguous: true });
    return retried(call);
  }

  let n = 0;
  it('of create with a requestId: the retry gets the one token that there is', async () => {
    for (let round = 0; round < 5; round++) {
      const requestId = `request ${n++}`;
      const made = await twice(() => tokens.create({ ...OF, requestId, data: { round } }));
      expect(await tokens.get(made)).toEqual(made);
      expect(await tokens.count(OF)).toBe(round + 1);
    }
  });

  it.each(['k', 'p'])('of create of a custom token with a requestId, of the record or of the pointer (%s): as well', async (letter) => {
    for (let round = 0; round < 3; round++) {
      const init = { ...OF, token: `mine ${n}`, requestId: `request ${n++}`, data: { round } };
      const made = await twice(() => tokens.create(init), scriptOn(letter));
      expect(made).toMatchObject({ token: init.token, data: { round } });
      expect(await tokens.get(made)).toEqual(made);
      expect(await tokens.count(OF)).toBe(round + 1);
    }
  });

  it('of create without one: what was stored can be seen and ended, and a custom token is not stored twice', async () => {
    await retried(() => tokens.count(OF));
    expect(await withLostReply(way, () => tokens.create(OF))).toMatchObject({ ambiguous: true });
    expect(await retried(() => tokens.count(OF))).toBe(1);
    expect(await tokens.deleteAll(OF)).toBe(1);
    const init = { ...OF, token: `mine ${n++}` };
    expect(await withLostReply(way, () => tokens.create(init), scriptOn('p'))).toMatchObject({ ambiguous: true });
    expect(await retried(() => tokens.get(init))).toMatchObject({ owner: 'ann' });
    expect((await outcomeOf(tokens.create(init))).error).toBeInstanceOf(TokenExistsError);
    expect(await tokens.count(OF)).toBe(1);
  });

  it.each([false, true])(
    'R8 of consume: the holder with its requestId learns that it was the one, nobody else does (custom: %s)',
    async (isCustom) => {
      for (let round = 0; round < 3; round++) {
        const made = await tokens.create({ ...OF, data: { round }, ...(isCustom && { token: `mine ${n++}` }) });
        const reference = { type: 'key', token: made.token };
        expect(await twice(() => tokens.consume({ ...reference, requestId: 'holder' }), scriptOn('k'))).toEqual(made);
        expect(await tokens.consume({ ...reference, requestId: 'other' })).toBeNull();
        expect(await tokens.consume(reference)).toBeNull();
        expect(await tokens.get(reference)).toBeNull();
      }
    },
  );

  it('R8 of consume among 100 callers: exactly one gets it in the end', async () => {
    const { token } = await tokens.create(OF);
    const consume = (caller: number) => tokens.consume({ type: 'key', token, requestId: `caller ${caller}` });
    const lost = way.proxies.map((proxy) => proxy.dropNextReply(scriptOn('k')));
    const first = await Promise.all(Array.from({ length: 100 }, (_, caller) => outcomeOf(consume(caller))));
    await Promise.race(lost);
    await Promise.all(way.proxies.map((proxy) => proxy.heal()));
    expect(first.some(({ error }) => error instanceof StoreUnavailableError)).toBe(true);
    const last = [];
    for (let caller = 0; caller < 100; caller++) last.push(await retried(() => consume(caller)));
    expect(last.filter((outcome) => outcome !== null)).toHaveLength(1);
    for (const [caller, { result }] of first.entries()) if (result !== undefined && result !== null) expect(last[caller]).toEqual(result);
  });

  it('of delete, deleteAll, update and refresh: it is done, and the retry does no harm', async () => {
    for (const custom of [{}, { token: `mine ${n++}` }]) {
      const made = await tokens.create({ ...OF, data: { a: 1, b: 1 }, ...custom });
      const reference = { type: 'key', token: made.token };
      expect(await twice(() => tokens.update({ ...reference, data: { a: null, c: 3 } }), scriptOn('k'))).toMatchObject({
        data: { b: 1, c: 3 },
      });
      expect(await twice(() => tokens.refresh({ ...reference, ttl: 'never' }), scriptOn('k'))).toBe(true);
      expect((await tokens.get(reference))!.expiresAt).toBeNull();
      expect(await twice(() => tokens.delete(reference), scriptOn('k'))).toBe(false);
      expect(await tokens.get(reference)).toBeNull();
      await tokens.create({ ...OF, ...custom });
      expect(await twice(() => tokens.deleteAll(OF), scriptOn('o'))).toBe(0);
      expect(await tokens.get(reference)).toBeNull();
    }
    expect(await tokens.count(OF)).toBe(0);
  });

  it('of clearing a pointer away: the token has ended, and its caller is told so', async () => {
    const reference = { type: 'key', token: `mine ${n++}` };
    const made = await tokens.create({ ...OF, token: reference.token });
    expect(await withLostReply(way, () => tokens.delete({ type: 'key', id: made.id }), scriptOn('p'))).toBeUndefined();
    expect(await retried(() => tokens.get(reference))).toBeNull();
    expect(await tokens.create({ ...OF, token: reference.token })).toMatchObject({ token: reference.token });
  });
});
