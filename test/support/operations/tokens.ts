import { TokenStore } from '../../../lib/tokens/index.js';
import { TEST_SECRET } from '../sessions.js';
import { closing } from './closing.js';
import { once, type Operation, operationsOf } from './operation.js';
import type { Services } from './services.js';

const operation = operationsOf('tokens');
const type = 'key';

/** What a store and a kind of tokens have in common, with one of both. */
interface Store {
  readonly name: 'TokenStore' | 'TokenKind';
  readonly type: string;
  create(on: Services, owner: string, more?: { requestId?: string }): Promise<{ token: string; id: string }>;
  get(on: Services, token: string): Promise<unknown>;
  update(on: Services, token: string, data: Record<string, unknown>): Promise<unknown>;
  refresh(on: Services, token: string): Promise<boolean>;
  delete(on: Services, token: string): Promise<boolean>;
  deleteAll(on: Services, owner: string): Promise<number>;
  consume(on: Services, token: string, requestId: string): Promise<unknown>;
  list(on: Services, owner: string): Promise<unknown[]>;
  count(on: Services, owner: string): Promise<number>;
}

const STORE: Store = {
  name: 'TokenStore',
  type,
  create: ({ tokens }, owner, more) => tokens.create({ type, owner, ttl: '1h', ...more }),
  get: ({ tokens }, token) => tokens.get({ type, token }),
  update: ({ tokens }, token, data) => tokens.update({ type, token, data }),
  refresh: ({ tokens }, token) => tokens.refresh({ type, token, ttl: '2h' }),
  delete: ({ tokens }, token) => tokens.delete({ type, token }),
  deleteAll: ({ tokens }, owner) => tokens.deleteAll({ type, owner }),
  consume: ({ tokens }, token, requestId) => tokens.consume({ type, token, requestId }),
  list: ({ tokens }, owner) => tokens.list({ type, owner }),
  count: ({ tokens }, owner) => tokens.count({ type, owner }),
};

const KIND: Store = {
  name: 'TokenKind',
  type: 'kind',
  create: ({ kind }, owner, more) => kind.create({ owner, ...more }),
  get: ({ kind }, token) => kind.get(token),
  update: ({ kind }, token, data) => kind.update(token, data),
  refresh: ({ kind }, token) => kind.refresh(token, '2h'),
  delete: ({ kind }, token) => kind.delete({ token }),
  deleteAll: ({ kind }, owner) => kind.deleteAll(owner),
  consume: ({ kind }, token, requestId) => kind.consume(token, { requestId }),
  list: ({ kind }, owner) => kind.list(owner),
  count: ({ kind }, owner) => kind.count(owner),
};

const isFound = { succeeded: (found: object | null) => found !== null };

function ofBoth(store: Store): Operation[] {
  const isGone = (on: Services, token: string): Promise<number> => once(store.get(on, token).then((found) => found === null));
  return [
    operation(`${store.name}.create`, 'write', (on, _by, id) => ({
      call: () => store.create(on, id),
      effects: (other) => store.count(other, id),
    })),
    operation(`${store.name}.create (with a requestId)`, 'write', (on, _by, id) => ({
      call: () => store.create(on, id, { requestId: id }),
      effects: (other) => store.count(other, id),
    })),
    operation(
      `${store.name}.get`,
      'read',
      async (on, by, id) => {
        const { token } = await store.create(by, id);
        return { call: () => store.get(on, token) };
      },
      isFound,
    ),
    operation(`${store.name}.update`, 'write', async (on, by, id) => {
      const { token } = await store.create(by, id);
      return {
        call: () => store.update(on, token, { changed: true }),
        effects: (other) => once(store.get(other, token).then((found) => JSON.stringify(found).includes('"changed"'))),
      };
    }),
    operation(`${store.name}.refresh`, 'change', async (on, by, id) => {
      const { token } = await store.create(by, id);
      const soon = Date.now() + 90 * 60_000;
      return {
        call: () => store.refresh(on, token),
        effects: (other) => once(store.get(other, token).then((found) => (found as { expiresAt: Date }).expiresAt.getTime() > soon)),
      };
    }),
    operation(`${store.name}.delete`, 'change', async (on, by, id) => {
      const { token } = await store.create(by, id);
      return { call: () => store.delete(on, token), effects: (other) => isGone(other, token) };
    }),
    operation(`${store.name}.deleteAll`, 'change', async (on, by, id) => {
      const { token } = await store.create(by, id);
      return { call: () => store.deleteAll(on, id), effects: (other) => isGone(other, token) };
    }),
    operation(
      `${store.name}.consume`,
      'change',
      async (on, by, id) => {
        const { token } = await store.create(by, id);
        return { call: () => store.consume(on, token, id), effects: (other) => isGone(other, token) };
      },
      isFound,
    ),
    operation(
      `${store.name}.list`,
      'read',
      async (on, by, id) => {
        await store.create(by, id);
        return { call: () => store.list(on, id) };
      },
      { succeeded: (list: unknown[]) => list.length === 1 },
    ),
    operation(
      `${store.name}.count`,
      'read',
      async (on, by, id) => {
        await store.create(by, id);
        return { call: () => store.count(on, id) };
      },
      { succeeded: (count: number) => count === 1 },
    ),
  ];
}

export const TOKEN_OPERATIONS: readonly Operation[] = [
  ...ofBoth(STORE),
  ...ofBoth(KIND),
  operation('TokenStore.create (a custom token)', 'write', ({ tokens }, _by, id) => ({
    call: () => tokens.create({ type, owner: id, token: `custom ${id}`, requestId: id }),
    effects: (other) => other.tokens.count({ type, owner: id }),
  })),
  operation('TokenStore.deleteAll (of every type)', 'change', async ({ tokens }, by, id) => {
    await by.tokens.create({ type, owner: id });
    await by.tokens.create({ type: 'another', owner: id });
    return {
      call: () => tokens.deleteAll({ owner: id }),
      effects: (other) => once(other.tokens.count({ type, owner: id }).then((count) => count === 0)),
    };
  }),
  operation('TokenStore.kind', 'here', ({ tokens }, _by, id) => ({ call: async () => tokens.kind({ type: id }) })),
  operation('TokenStore.createCode', 'write', ({ tokens }, _by, id) => ({
    call: () => tokens.createCode({ type, owner: id }),
    effects: (other) => once(other.tokens.verifyCode({ type, owner: id, code: '0000' }).then(({ reason }) => reason !== 'unknown')),
  })),
  operation(
    'TokenStore.verifyCode',
    'change',
    async ({ tokens }, by, id) => {
      const { code } = (await by.tokens.createCode({ type, owner: id }))!;
      return {
        call: () => tokens.verifyCode({ type, owner: id, code, requestId: id }),
        effects: (other) => once(other.tokens.verifyCode({ type, owner: id, code }).then(({ reason }) => reason === 'used')),
      };
    },
    { succeeded: ({ valid }: { valid: boolean }) => valid },
  ),
  operation('CodeVerification.toJSON', 'here', async (_on, by, id) => {
    const verification = await by.tokens.verifyCode({ type, owner: id, code: '000000' });
    return { call: async () => verification.toJSON() };
  }),
  closing(operation, 'TokenStore.close', ({ redis, keyPrefix }) => {
    const store = new TokenStore({ redis, keyPrefix, secret: TEST_SECRET });
    return { ask: () => store.count({ type, owner: 'nobody' }), close: () => store.close() };
  }),
];
