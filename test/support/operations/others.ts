import { randomBytes } from 'node:crypto';
import type { ExecutionContext } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { TokenMigration } from '../../../lib/migration/index.js';
import { type Status, StoreStatistics } from '../../../lib/observability/index.js';
import { TEST_SECRET } from '../sessions.js';
import { closing } from './closing.js';
import { once, type Operation, operationsOf } from './operation.js';

const ofConnection = operationsOf('connection');
const ofGuard = operationsOf('guard');
const ofStatistics = operationsOf('statistics');
const ofMigration = operationsOf('migration');
const ofOidc = operationsOf('oidc-provider');

class Routes {
  readonly guarded = (): void => undefined;
}

const routes = new Routes();

/** A request with a bearer token, as a platform gives it to a guard. */
function requestOf(accessToken: string): ExecutionContext {
  const request = { method: 'GET', headers: { authorization: `Bearer ${accessToken}` } };
  const context = new ExecutionContextHost([request, { setHeader: () => undefined }], Routes, routes.guarded);
  context.setType('http');
  return context;
}

const foreign = (id: string) =>
  ({ kind: 'foreign-token', type: 'foreign', owner: id, token: `foreign ${id}`, expiresAt: Date.now() + 3_600_000 }) as const;

async function all<T>(entries: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const entry of entries) found.push(entry);
  return found;
}

const newId = (): string => randomBytes(32).toString('base64url');
const HOUR_S = 3_600;
const isFound = { succeeded: (found: unknown) => found !== undefined };

export const OTHER_OPERATIONS: readonly Operation[] = [
  ofConnection('RedisAuthConnection.ping', 'read', ({ connection }) => ({ call: () => connection.ping() })),
  ofConnection('RedisAuthConnection.info', 'read', ({ connection }) => ({ call: () => connection.info('server') })),
  ofConnection('RedisAuthConnection.dbSize', 'read', ({ connection }) => ({ call: () => connection.dbSize() })),
  ofConnection('RedisAuthConnection.on', 'here', ({ connection }) => {
    const listener = (): void => undefined;
    return { call: async () => connection.on('disconnected', listener).off('disconnected', listener) };
  }),
  ofConnection('RedisAuthConnection.off', 'here', ({ connection }) => ({ call: async () => connection.off('ready', () => undefined) })),

  ofGuard(
    'JwtAuthGuard.canActivate',
    'known',
    async ({ guard }, by, id) => {
      const { accessToken } = await by.sessions.create(id);
      return { call: async () => guard.canActivate(requestOf(accessToken)) };
    },
    { succeeded: (admitted: boolean) => admitted },
  ),

  ofStatistics('RedisAuthStatus.look', 'here', ({ status }) => ({ call: async () => status.look() })),
  ofStatistics('RedisAuthStatus.ask', 'cache', ({ status }) => ({ call: () => status.ask() }), {
    succeeded: ({ redis }: Status) => redis === 'available',
  }),
  ofStatistics('StoreStatistics.statistics', 'read', ({ statistics }) => ({ call: () => statistics.statistics({ sample: 200 }) })),
  closing(ofStatistics, 'StoreStatistics.close', ({ redis, keyPrefix }) => {
    const statistics = new StoreStatistics({ redis, keyPrefix });
    return { ask: () => statistics.statistics({ sample: 1 }), close: () => statistics.close() };
  }),

  ofMigration(
    'TokenMigration.exportTokens',
    'read',
    async ({ migration }, by, id) => {
      await by.tokens.create({ type: 'exported', owner: id });
      return { call: () => all(migration.exportTokens()) };
    },
    { succeeded: (records: unknown[]) => records.length > 0 },
  ),
  ofMigration('TokenMigration.importTokens', 'write', ({ migration }, _by, id) => ({
    call: () => migration.importTokens([foreign(id)]),
    effects: (other) => other.tokens.count({ type: 'foreign', owner: id }),
  })),
  ofMigration('TokenMigration.withoutSecrets', 'here', ({ migration }, _by, id) => ({
    call: () => all(migration.withoutSecrets([foreign(id)])),
  })),
  closing(ofMigration, 'TokenMigration.close', ({ redis, keyPrefix }) => {
    const migration = new TokenMigration({ redis, keyPrefix, secret: TEST_SECRET });
    return { ask: () => migration.importTokens([]), close: () => migration.close() };
  }),

  ofOidc('ModelAdapter.upsert', 'write', ({ oidc }) => {
    const [id, grantId] = [newId(), newId()];
    return {
      call: () => oidc('RefreshToken').upsert(id, { kind: 'RefreshToken', grantId }, HOUR_S),
      effects: (other) =>
        once(
          other
            .oidc('RefreshToken')
            .find(id)
            .then((found) => found !== undefined),
        ),
    };
  }),
  ofOidc(
    'ModelAdapter.find',
    'read',
    async ({ oidc }, by) => {
      const id = newId();
      await by.oidc('AccessToken').upsert(id, { kind: 'AccessToken', grantId: newId() }, HOUR_S);
      return { call: async () => oidc('AccessToken').find(id) };
    },
    isFound,
  ),
  ofOidc(
    'ModelAdapter.findByUid',
    'read',
    async ({ oidc }, by) => {
      const uid = newId();
      await by.oidc('Session').upsert(newId(), { kind: 'Session', uid }, HOUR_S);
      return { call: async () => oidc('Session').findByUid(uid) };
    },
    isFound,
  ),
  ofOidc(
    'ModelAdapter.findByUserCode',
    'read',
    async ({ oidc }, by) => {
      const userCode = newId();
      await by.oidc('DeviceCode').upsert(newId(), { kind: 'DeviceCode', userCode }, HOUR_S);
      return { call: async () => oidc('DeviceCode').findByUserCode(userCode) };
    },
    isFound,
  ),
  ofOidc('ModelAdapter.consume', 'change', async ({ oidc }, by) => {
    const id = newId();
    await by.oidc('PushedAuthorizationRequest').upsert(id, { kind: 'PushedAuthorizationRequest', request: 'r' }, HOUR_S);
    return {
      call: async () => oidc('PushedAuthorizationRequest').consume(id),
      effects: (other) =>
        once(
          other
            .oidc('PushedAuthorizationRequest')
            .find(id)
            .then((found) => (found as { consumed?: number }).consumed !== undefined),
        ),
    };
  }),
  ofOidc('ModelAdapter.destroy', 'change', async ({ oidc }, by) => {
    const id = newId();
    await by.oidc('Session').upsert(id, { kind: 'Session', uid: newId() }, HOUR_S);
    return {
      call: async () => oidc('Session').destroy(id),
      effects: (other) =>
        once(
          other
            .oidc('Session')
            .find(id)
            .then((found) => found === undefined),
        ),
    };
  }),
  ofOidc('ModelAdapter.revokeByGrantId', 'change', async ({ oidc }, by) => {
    const [id, grantId] = [newId(), newId()];
    await by.oidc('RefreshToken').upsert(id, { kind: 'RefreshToken', grantId }, HOUR_S);
    return {
      call: async () => oidc('RefreshToken').revokeByGrantId(grantId),
      effects: (other) =>
        once(
          other
            .oidc('RefreshToken')
            .find(id)
            .then((found) => found === undefined),
        ),
    };
  }),
];
