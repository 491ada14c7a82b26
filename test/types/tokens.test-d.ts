// Checked by tsc alone: each line must compile, or fail to where @ts-expect-error says so.
import { Inject } from '@nestjs/common';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Cluster, Redis } from 'ioredis';
import {
  getTokenStoreToken,
  InjectTokenStore,
  type NewToken,
  type StoredToken,
  type StoredTokenInfo,
  type TokenKind,
  TokenStore,
  type TokenStoreOptions,
} from 'nestjs-redis-auth';

declare const redis: Redis;
declare const cluster: Cluster;
declare const tokens: TokenStore;

export const stores: TokenStoreOptions[] = [
  {},
  { redis: 'redis://h', keyPrefix: 'auth:', secret: 'x', commandTimeout: 500, defaultTtl: '1h', maxDataBytes: 100 },
  { redis },
  { redis: cluster },
  { redis: { client: redis } },
  { redis: { nodes: [{ host: 'h', port: 1 }] } },
  // @ts-expect-error an option that does not exist
  { prefix: 'auth:' },
  // @ts-expect-error ioredis' own prefix
  { redis: { host: 'h', keyPrefix: 'x' } },
];

export const made: TokenStore = new TokenStore({ redis: 'redis://h', keyPrefix: 'auth:' });

export const creations: NewToken[] = [
  { type: 'key', owner: 'ann' },
  { type: 'key', owner: 'ann', app: 'shop', data: { a: 1 }, ttl: '1h', token: 'mine', requestId: 'r' },
  { type: 'key', owner: 'ann', ttl: 'never' },
  { type: 'key', owner: 'ann', ttl: 60 },
  // @ts-expect-error no owner
  { type: 'key' },
  // @ts-expect-error no type
  { owner: 'ann' },
];

interface Reset {
  email: string;
  attempts?: number;
}

export async function use(): Promise<void> {
  const created: StoredToken<Reset> = await tokens.create({
    type: 'reset',
    owner: 'ann',
    data: { email: 'a@b.c' } satisfies Reset as Reset,
  });
  const typed = await tokens.create<Reset>({ type: 'reset', owner: 'ann', data: { email: 'a@b.c' } });
  const email: string = typed.data.email;
  // @ts-expect-error the data is typed
  await tokens.create<Reset>({ type: 'reset', owner: 'ann', data: { mail: 'a@b.c' } });

  const found = await tokens.get<Reset>({ type: 'reset', token: created.token });
  // @ts-expect-error it may not be there
  found.data.email.trim();
  const attempts: number | undefined = found?.data.attempts;
  const open: Record<string, unknown> | undefined = (await tokens.get({ type: 'reset', token: 'x' }))?.data;
  const updated: StoredToken<Reset> | null = await tokens.update<Reset>({ type: 'reset', token: 'x', data: { attempts: null } });
  const consumed: StoredToken<Reset> | null = await tokens.consume<Reset>({ type: 'reset', token: 'x', requestId: 'r' });
  // @ts-expect-error a new life has to be said
  await tokens.refresh({ type: 'reset', token: 'x' });
  const refreshed: boolean = await tokens.refresh({ type: 'reset', token: 'x', ttl: 'never' });

  const deleted: boolean = (await tokens.delete({ type: 'reset', token: 'x' })) || (await tokens.delete({ type: 'reset', id: 'x' }));
  // @ts-expect-error one of them
  await tokens.delete({ type: 'reset' });
  await tokens.delete(created);
  const ended: number = (await tokens.deleteAll({ owner: 'ann' })) + (await tokens.deleteAll({ type: 'reset', owner: 'ann' }));
  // @ts-expect-error all of everybody is nothing to ask for
  await tokens.deleteAll({ type: 'reset' });

  const list: StoredTokenInfo<Reset>[] = await tokens.list<Reset>({ type: 'reset', owner: 'ann' });
  const next = await tokens.list({ type: 'reset', owner: 'ann', limit: 10, after: list[0]! });
  // @ts-expect-error a listed token is public, and no credential
  const secret: unknown = next[0]?.token;
  const expires: Date | null | undefined = next[0]?.expiresAt;
  const count: number = await tokens.count({ type: 'reset', owner: 'ann' });
  await tokens.client.ping();
  await tokens.close();
  void [email, attempts, open, updated, consumed, refreshed, deleted, ended, secret, expires, count];
}

type Payment = { by: 'card'; card: string } | { by: 'cash' };

export async function change(
  kind: TokenKind<StandardSchemaV1<Reset>>,
  payments: TokenKind<StandardSchemaV1<Payment>>,
  open: TokenKind,
): Promise<void> {
  await kind.update('x', { email: 'd@e.f', attempts: null });
  await kind.update('x', { email: undefined });
  // @ts-expect-error not what the field holds
  await kind.update('x', { attempts: 'many' });
  // @ts-expect-error no such field
  await kind.update('x', { mail: 'a@b.c' });
  await payments.update('x', { by: 'card', card: '4' });
  await open.update('x', { any: 'thing', other: null });
}

export class Consumer {
  constructor(
    readonly tokens: TokenStore,
    @InjectTokenStore('admin') readonly admins: TokenStore,
    @Inject(getTokenStoreToken('admin')) readonly same: TokenStore,
  ) {}
}
