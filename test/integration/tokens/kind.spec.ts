import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { TokenStore } from '../../../lib/tokens/index.js';

let redis: TestRedis;
let store: TokenStore;
beforeAll(async () => {
  redis = await startRedis();
  store = new TokenStore({ redis: redis.url, commandTimeout: 10_000 });
});
afterAll(async () => {
  await store.close();
  await redis.stop();
});

const Invitation = z.strictObject({ email: z.email(), role: z.enum(['reader', 'writer']).default('reader'), seats: z.number().optional() });
const invitationsOf = (tokens: TokenStore) => tokens.kind({ type: 'invitation', ttl: '7d', schema: Invitation });

describe('a kind of tokens', () => {
  it('types its data by the schema, which fills in and checks them when they are written', async () => {
    const invitations = invitationsOf(store);
    const { token, data, createdAt, expiresAt } = await invitations.create({ owner: 'team', data: { email: 'a@b.example' } });
    expectTypeOf(data).toEqualTypeOf<{ email: string; role: 'reader' | 'writer'; seats?: number | undefined }>();
    expect(data).toEqual({ email: 'a@b.example', role: 'reader' });
    expect(expiresAt!.getTime() - createdAt.getTime()).toBe(7 * 86_400_000);
    expect((await invitations.get(token))!.data.role).toBe('reader');
    expect(await store.get({ type: 'invitation', token })).toMatchObject({ owner: 'team', data });
  });

  it('stores nothing that the schema refuses, and says what is wrong without the value', async () => {
    const invitations = invitationsOf(store);
    const refused = invitations.create({ owner: 'strangers', data: { email: 'top secret', role: 'reader' } });
    await expect(refused).rejects.toMatchObject({ argument: 'data', message: expect.stringContaining('email') as string });
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining('top secret') as string });
    expect(await invitations.count('strangers')).toBe(0);
  });

  it('checks the data as an update would leave them', async () => {
    const invitations = invitationsOf(store);
    const { token } = await invitations.create({ owner: 'team', data: { email: 'a@b.example', seats: 2 } });
    await expect(invitations.update(token, { role: 'owner' as 'reader' })).rejects.toMatchObject({ argument: 'data' });
    await expect(invitations.update(token, { email: null })).rejects.toMatchObject({ argument: 'data' });
    await expect(invitations.update(token, { unheardOf: 1 } as object)).rejects.toMatchObject({ argument: 'data' });
    expect((await invitations.get(token))!.data).toEqual({ email: 'a@b.example', role: 'reader', seats: 2 });
    const updated = await invitations.update(token, { role: 'writer', seats: null, email: undefined });
    expect(updated!.data).toEqual({ email: 'a@b.example', role: 'writer' });
    expect(await invitations.update('no such token', { role: 'reader' })).toBeNull();
  });

  it('checks again when something else changed meanwhile: all of 30 updates at once land', async () => {
    const Counters = z.record(z.string(), z.number());
    const kind = store.kind({ type: 'counters', schema: Counters });
    const { token } = await kind.create({ owner: 'o', data: {} });
    await Promise.all(Array.from({ length: 30 }, (_, n) => kind.update(token, { [`field-${n}`]: n })));
    expect(Object.keys((await kind.get(token))!.data)).toHaveLength(30);
  });

  it('asks again about what is there when something else changed meanwhile', async () => {
    const { token } = await store.create({ type: 'asked', owner: 'o', data: {} });
    const asked: unknown[] = [];
    const validate = async (value: unknown) => {
      asked.push(value);
      if (asked.length === 1) await store.update({ type: 'asked', token, data: { theirs: 2 } });
      return { value };
    };
    const kind = store.kind({ type: 'asked', schema: { '~standard': { version: 1, vendor: 'test', validate } } });
    await kind.update(token, { mine: 1 });
    expect(asked).toEqual([{ mine: 1 }, { theirs: 2, mine: 1 }]);
  });

  it('waits for a schema that answers later, and takes what is not from Zod', async () => {
    const kind = store.kind({
      type: 'checked-elsewhere',
      schema: {
        '~standard': {
          version: 1 as const,
          vendor: 'test',
          validate: (value: unknown) =>
            Promise.resolve((value as { n?: unknown }).n === 1 ? { value: { n: 1 } } : { issues: [{ message: 'must be 1', path: ['n'] }] }),
          types: undefined as { input: { n: number }; output: { n: number } } | undefined,
        },
      },
    });
    await expect(kind.create({ owner: 'o', data: { n: 2 } })).rejects.toThrow('data n: must be 1');
    expect((await kind.create({ owner: 'o', data: { n: 1 } })).data).toEqual({ n: 1 });
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('of its own');
      },
    ],
    ['rejects', () => Promise.reject(new Error('of its own'))],
  ])('passes on as it is what a schema %s, and changes nothing', async (_how, validate) => {
    const { token } = await store.create({ type: 'broken', owner: 'o', data: { n: 1 } });
    const broken = store.kind({ type: 'broken', schema: { '~standard': { version: 1, vendor: 'test', validate } } });
    await expect(broken.update(token, { n: 2 })).rejects.toThrow(/^of its own$/);
    await expect(broken.create({ owner: 'o', data: { n: 2 } })).rejects.toThrow(/^of its own$/);
    expect((await store.list({ type: 'broken', owner: 'o' })).map(({ data }) => data)).toContainEqual({ n: 1 });
    expect((await store.get({ type: 'broken', token }))!.data).toEqual({ n: 1 });
  });

  it('gives its tokens its own life, also where the caller leaves it undefined', async () => {
    const brief = store.kind({ type: 'brief', ttl: '5m' });
    const lives = [{}, { ttl: undefined }, { ttl: '1h' }].map(async (init) => {
      const { createdAt, expiresAt } = await brief.create({ owner: 'o', ...(init as { ttl: string }) });
      return expiresAt!.getTime() - createdAt.getTime();
    });
    expect(await Promise.all(lives)).toEqual([300_000, 300_000, 3_600_000]);
  });

  it('says at once what is wrong with its definition', () => {
    for (const [argument, definition] of [
      ['options', undefined],
      ['type', { type: '' }],
      ['app', { type: 'a', app: '' }],
      ['ttl', { type: 'a', ttl: '5' }],
    ] as const) {
      expect(() => store.kind(definition as { type: string })).toThrow(expect.objectContaining({ name: 'InvalidArgumentError', argument }));
    }
  });

  it('has the methods of the store without type and app, and sees its own tokens only', async () => {
    const one = store.kind({ type: 'one', app: 'shop' });
    const other = store.kind({ type: 'one', app: 'till' });
    const { token, id } = await one.create({ owner: 'o', data: { any: 'thing' } });
    expect(await other.get(token)).toBeNull();
    expect((await one.list('o')).map((info) => info.id)).toEqual([id]);
    expect([await one.count('o'), await other.count('o')]).toEqual([1, 0]);
    expect(await one.refresh(token, '1h')).toBe(true);
    expect(await other.delete({ id })).toBe(false);
    expect(await one.delete({ id, owner: 'p' })).toBe(false);
    expect(await one.delete({ id, owner: 'o' })).toBe(true);
    const next = await one.create({ owner: 'o', token: 'mine' });
    expect(await one.consume(next.token)).toMatchObject({ owner: 'o' });
    expect(await store.delete(await one.create({ owner: 'o' }))).toBe(true);
    await one.create({ owner: 'o' });
    expect(await other.deleteAll('o')).toBe(0);
    expect(await one.deleteAll('o')).toBe(1);
  });
});
