import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { oidcProviderAdapter } from '../../../lib/adapters/oidc-provider/index.js';
import { gatherFacts } from '../../../lib/audit/gather.js';
import { StoreStatistics } from '../../../lib/observability/index.js';
import { ask } from '../ask.js';
import { ConnectionUnderTest, PATIENT } from '../open-connection.js';
import { resolveOptions } from '../../../lib/options/index.js';
import { TEST_SECRET, testOptions } from '../sessions.js';
import type { Place } from './place.js';

/** What the connection offers by itself. */
export async function exerciseConnection({ redis }: Place): Promise<void> {
  await using connection = await ConnectionUnderTest.open(redis, PATIENT);
  assert.equal(await connection.ping(), 'PONG');
  assert.match(await connection.info('server'), /redis_version/);
  assert.ok((await connection.dbSize()) >= 0);
}

/** The storage for oidc-provider: what each kind of artifact goes through. */
export async function exerciseOidcProvider({ redis, keyPrefix }: Place): Promise<void> {
  const adapter = oidcProviderAdapter({ redis, keyPrefix, secret: TEST_SECRET });
  const newId = (): string => randomBytes(32).toString('base64url');
  try {
    const grantId = newId();
    await adapter('Grant').upsert(grantId, { kind: 'Grant' }, 3_600);
    const [code, token, lasting] = [newId(), newId(), newId()];
    await adapter('AuthorizationCode').upsert(code, { kind: 'AuthorizationCode', grantId }, 60);
    await adapter('AuthorizationCode').consume(code);
    await adapter('RefreshToken').upsert(token, { kind: 'RefreshToken', grantId }, 7_200);
    assert.ok(await adapter('RefreshToken').find(token));
    await adapter('InitialAccessToken').upsert(lasting, { kind: 'InitialAccessToken' });
    await adapter('RefreshToken').upsert(newId(), { kind: 'RefreshToken', grantId });
    await adapter('AccessToken').destroy(lasting);
    await adapter('RefreshToken').revokeByGrantId(grantId);
    assert.equal(await adapter('RefreshToken').find(token), undefined);
    await adapter('Session').upsert(newId(), { kind: 'Session', uid: 'uid-of-it' }, 60);
    assert.ok(await adapter('Session').findByUid('uid-of-it'));
    await adapter('DeviceCode').upsert(newId(), { kind: 'DeviceCode', userCode: 'BCDF' }, 60);
    assert.ok(await adapter('DeviceCode').findByUserCode('BCDF'));
    await adapter('Client').upsert('shop', { client_id: 'shop' });
    await adapter('Client').destroy('shop');
    assert.equal(await adapter('Client').find('shop'), undefined);
    await adapter('ReplayDetection').upsert('jti', { iss: 'x' }, 60);
    await assert.rejects(adapter('ReplayDetection').upsert('jti', { iss: 'x' }, 60));
  } finally {
    await adapter.close();
  }
}

/** Counted in full and estimated, in a database that holds other keys, too. */
export async function exerciseStatistics({ redis, keyPrefix, servers }: Place): Promise<void> {
  const store = new StoreStatistics({ redis, keyPrefix });
  const index = `${keyPrefix}i:{aaaaaa}default:ann:key`;
  const add = servers.map((server) => ask(server, (client) => client.zadd(index, '+inf', 'x')).catch(() => undefined));
  assert.ok((await Promise.all(add)).includes(1));
  try {
    const full = await store.statistics({ sample: Infinity });
    assert.equal(full.keys.estimate, 1);
    assert.ok(full.bytes.estimate > 0);
    // how many of another's keys there are is not our affair: one key is sampled of however many
    await Promise.all(servers.map((server) => ask(server, (client) => client.set(`${keyPrefix}other`, 'x')).catch(() => undefined)));
    await store.statistics({ sample: 1 });
  } finally {
    await store.close();
  }
}

/** Everything that the audit of a boot would like to know of the servers. */
export async function exerciseAudit({ redis, keyPrefix }: Place): Promise<void> {
  await using connection = await ConnectionUnderTest.open(redis, PATIENT);
  const facts = await gatherFacts(connection, resolveOptions(testOptions({ redis, keyPrefix })));
  assert.ok(facts.length > 0);
  for (const { info, config, user, clock } of facts) for (const known of [info, config, user, clock]) assert.ok(known);
}
