import { InvalidTokenError } from '../../../lib/errors/index.js';
import { until } from '../until.js';
import { once, type Operation, operationsOf } from './operation.js';
import type { Services } from './services.js';

const operation = operationsOf('sessions');

async function isRefused({ sessions }: Services, accessToken: string): Promise<boolean> {
  try {
    // asks Redis, whatever that instance has heard
    await sessions.verify(accessToken, { data: true });
    return false;
  } catch (error) {
    if (error instanceof InvalidTokenError) return true;
    throw error;
  }
}

/** So that what happens next can be told from what was. */
async function laterThan(moment: Date): Promise<void> {
  await until(() => Date.now() > moment.getTime(), { every: 1, what: 'a later millisecond' });
}

export const SESSION_OPERATIONS: readonly Operation[] = [
  operation('SessionService.create', 'write', ({ sessions }, _by, id) => ({
    call: () => sessions.create(id, { data: { a: 1 } }),
    effects: (other) => other.sessions.count(id),
  })),
  operation('SessionService.create (with a requestId, in a tenant)', 'write', ({ sessions }, _by, id) => ({
    call: () => sessions.create(id, { requestId: id, tenant: id }),
    effects: (other) => other.sessions.count(id, { tenant: id }),
  })),
  operation('SessionService.verify', 'known', async ({ sessions }, by, id) => {
    const { accessToken } = await by.sessions.create(id);
    return { call: () => sessions.verify(accessToken) };
  }),
  operation('SessionService.verify (with data)', 'read', async ({ sessions }, by, id) => {
    const { accessToken } = await by.sessions.create(id, { data: { a: 1 } });
    return { call: () => sessions.verify(accessToken, { data: true }) };
  }),
  operation('SessionService.refresh', 'change', async ({ sessions }, by, id) => {
    const { sessionId, refreshToken } = await by.sessions.create(id);
    return {
      call: () => sessions.refresh(refreshToken),
      effects: async (other) => (await other.sessions.get(sessionId))!.generation - 1,
    };
  }),
  operation(
    'SessionService.get',
    'read',
    async ({ sessions }, by, id) => {
      const { sessionId } = await by.sessions.create(id);
      return { call: () => sessions.get(sessionId) };
    },
    { succeeded: (found: object | null) => found !== null },
  ),
  operation(
    'SessionService.list',
    'read',
    async ({ sessions }, by, id) => {
      await by.sessions.create(id);
      return { call: () => sessions.list(id, { data: true }) };
    },
    { succeeded: (list: unknown[]) => list.length === 1 },
  ),
  operation(
    'SessionService.count',
    'read',
    async ({ sessions }, by, id) => {
      await by.sessions.create(id);
      return { call: () => sessions.count(id) };
    },
    { succeeded: (count: number) => count === 1 },
  ),
  operation('SessionService.update', 'write', async ({ sessions }, by, id) => {
    const { sessionId } = await by.sessions.create(id);
    return {
      call: () => sessions.update(sessionId, { a: 1 }),
      effects: async (other) => (await other.sessions.get(sessionId))!.version,
    };
  }),
  operation('SessionService.touch', 'change', async ({ sessions }, by, id) => {
    const { sessionId } = await by.sessions.create(id);
    const { lastSeenAt } = (await by.sessions.get(sessionId))!;
    await laterThan(lastSeenAt);
    return {
      call: () => sessions.touch(sessionId),
      effects: (other) => once(other.sessions.get(sessionId).then((found) => found!.lastSeenAt > lastSeenAt)),
    };
  }),
  operation('SessionService.regenerate', 'write', async ({ sessions }, by, id) => {
    const { sessionId } = await by.sessions.create(id);
    return {
      call: () => sessions.regenerate(sessionId),
      effects: async (other) => {
        const list = await other.sessions.list(id);
        // one session, whatever its id
        return list.length === 1 ? once(list[0]!.sessionId !== sessionId) : list.length;
      },
    };
  }),
  operation('SessionService.reauthenticated', 'change', async ({ sessions }, by, id) => {
    const { sessionId } = await by.sessions.create(id);
    const { authTime } = (await by.sessions.get(sessionId))!;
    await laterThan(authTime);
    return {
      call: () => sessions.reauthenticated(sessionId),
      effects: (other) => once(other.sessions.get(sessionId).then((found) => found!.authTime > authTime)),
    };
  }),
  operation('SessionService.revoke', 'change', async ({ sessions }, by, id) => {
    const { sessionId } = await by.sessions.create(id);
    return {
      call: () => sessions.revoke(sessionId),
      effects: (other) => once(other.sessions.get(sessionId).then((found) => found === null)),
    };
  }),
  operation('SessionService.revokeToken', 'change', async ({ sessions }, by, id) => {
    const { accessToken } = await by.sessions.create(id);
    return {
      call: () => sessions.revokeToken(accessToken),
      effects: (other) => once(isRefused(other, accessToken)),
    };
  }),
  operation('SessionService.logout', 'change', async ({ sessions }, by, id) => {
    const { sessionId, refreshToken } = await by.sessions.create(id);
    return {
      call: () => sessions.logout(refreshToken),
      effects: (other) => once(other.sessions.get(sessionId).then((found) => found === null)),
    };
  }),
  operation('SessionService.revokeAll', 'change', async ({ sessions }, by, id) => {
    await by.sessions.create(id);
    await by.sessions.create(id);
    return {
      call: () => sessions.revokeAll(id),
      effects: (other) => once(other.sessions.count(id).then((count) => count === 0)),
    };
  }),
  operation('SessionService.revokeTenant', 'change', async ({ sessions }, by, id) => {
    const { sessionId } = await by.sessions.create(id, { tenant: id });
    return {
      call: () => sessions.revokeTenant(id),
      effects: (other) => once(other.sessions.get(sessionId).then((found) => found === null)),
    };
  }),
];
