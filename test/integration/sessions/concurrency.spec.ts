import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { PackageProgram } from '../../support/package-program.js';
import { seededRandom } from '../../support/seeded-random.js';
import { EventsHeard, reasonOf, refused } from '../../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest, testOptions } from '../../support/sessions.js';
import { until } from '../../support/until.js';
import { withoutTtl } from '../../support/without-ttl.js';
import { scaled } from '../../support/scale.js';

const INTERLEAVINGS = scaled(2_500, 10_000);

/** Opens the instances it is told to; each refreshes the token that it reads `times` times at once. */
const REFRESHER = `
  import { createInterface } from 'node:readline';
  import { resolveOptions } from './lib/options/index.js';
  import { RedisAuthConnection } from './lib/redis/index.js';
  import { SessionService } from './lib/sessions/index.js';
  const { options, connections, times } = JSON.parse(process.argv[2]);
  const resolved = resolveOptions(options);
  const services = [];
  for (let n = 0; n < connections; n++) {
    const connection = new RedisAuthConnection(resolved.redis, { commandTimeoutMs: resolved.commandTimeoutMs });
    await connection.open();
    services.push(new SessionService(connection, resolved));
  }
  console.log('opened');
  for await (const token of createInterface(process.stdin)) {
    const calls = services.flatMap((service) => Array.from({ length: times }, () => service.refresh(token)));
    const outcomes = await Promise.allSettled(calls);
    console.log(JSON.stringify(outcomes.map(({ value, reason }) => value?.refreshToken ?? String(reason))));
  }
`;

describe('400 refreshes of one token at once, over 8 connections of 3 processes', () => {
  let program: PackageProgram;
  let on: SessionsUnderTest;
  const options = testOptions({ redis: inject('redisUrl'), commandTimeout: 10_000 });
  beforeAll(async () => {
    program = await PackageProgram.write(REFRESHER);
    on = await openSessions(options);
  });
  afterAll(async () => {
    await program[Symbol.asyncDispose]();
    await on[Symbol.asyncDispose]();
  });

  it('are one rotation with one successor, and no reuse; so is each generation after it', async () => {
    const processes = [3, 3, 2].map((connections) => program.start({ options, connections, times: 50 }));
    for (const each of processes) expect(await each.hear()).toBe('opened');
    using events = await EventsHeard.of(on.sessions);
    const first = await on.sessions.create('ann');
    let token = first.refreshToken;
    for (const generation of [2, 3, 4]) {
      for (const each of processes) each.say(token);
      const tokens = (await Promise.all(processes.map((each) => each.hear()))).flatMap((line) => JSON.parse(line) as string[]);
      expect(tokens).toHaveLength(400);
      const successors = [...new Set(tokens)];
      expect(successors).toHaveLength(1);
      expect(successors[0]).not.toBe(token);
      expect((await on.sessions.get(first.sessionId))?.generation).toBe(generation);
      token = successors[0]!;
    }
    expect((await events.untilNow()).map(({ type }) => type)).toEqual(['created', 'refreshed', 'refreshed', 'refreshed']);
  });
});

describe('reuse', () => {
  let on: SessionsUnderTest;
  let other: SessionsUnderTest;
  beforeAll(async () => {
    const options = testOptions({ redis: inject('redisUrl') });
    on = await openSessions(options);
    other = await openSessions(options);
  });
  afterAll(async () => {
    await on[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  });

  it.each([
    ['the previous token, after its successor was used', 1, 2],
    ['the one before the previous', 1, 3],
    ['a token of long ago', 2, 7],
  ])('%s ends the session with one event that says how old it was, on every instance', async (_what, presented, current) => {
    using events = await EventsHeard.of(other.sessions);
    const pairs = [await on.sessions.create('bob')];
    for (let n = 1; n < current; n++) pairs.push(await on.sessions.refresh(pairs.at(-1)!.refreshToken));
    // what makes the first case reuse: the current one was presented
    if (current === presented + 1) pairs.push(await on.sessions.refresh(pairs.at(-1)!.refreshToken));
    const old = pairs[presented - 1]!.refreshToken;
    const answers = await Promise.all([on, other, on, other].map(({ sessions }) => reasonOf(sessions.refresh(old))));
    expect(answers.toSorted()).toEqual(['reused', 'revoked', 'revoked', 'revoked']);
    expect(await reasonOf(other.sessions.refresh(pairs.at(-1)!.refreshToken))).toBe('revoked');
    await Promise.all([on, other].map((each) => refused(each, pairs.at(-1)!.accessToken)));
    const ends = (await events.untilNow()).filter(({ type }) => type !== 'created' && type !== 'refreshed');
    expect(ends).toEqual([
      expect.objectContaining({
        type: 'reuse-detected',
        userId: 'bob',
        sessionId: pairs[0]!.sessionId,
        generation: { presented, current: pairs.length },
      }),
    ]);
  });

  it('without a leeway exactly one of many at once gets a successor', async () => {
    await using strict = await openSessions({ redis: inject('redisUrl'), sessions: { refreshLeeway: 0 } });
    using events = await EventsHeard.of(strict.sessions);
    const { refreshToken, sessionId } = await strict.sessions.create('cat');
    const answers = await Promise.all(Array.from({ length: 20 }, () => reasonOf(strict.sessions.refresh(refreshToken))));
    expect(answers.filter((answer) => answer === 'resolved')).toHaveLength(1);
    expect(answers.filter((answer) => answer === 'reused')).toHaveLength(1);
    expect(answers.filter((answer) => answer === 'revoked')).toHaveLength(18);
    expect(await strict.sessions.get(sessionId)).toBeNull();
    expect((await events.untilNow()).map(({ type }) => type)).toEqual(['created', 'refreshed', 'reuse-detected']);
  });

  it('instances that sign with different keys give the same successor, by either', async () => {
    const keyPrefix = uniquePrefix();
    const keys = [
      { kid: 'old', secret: 'o'.repeat(8) + '7Zr-tests-only-9vKc2LmX4pWs8yBd' },
      { kid: 'new', secret: 'n'.repeat(8) + '7Zr-tests-only-9vKc2LmX4pWs8yBd' },
    ];
    await using before = await openSessions({ redis: inject('redisUrl'), keyPrefix, jwt: { keys } });
    await using after = await openSessions({ redis: inject('redisUrl'), keyPrefix, jwt: { keys: keys.toReversed() } });
    let { refreshToken } = await before.sessions.create('eve');
    const kids = new Set<string>();
    for (let round = 0; round < 20; round++) {
      const first = round % 2 === 0 ? before : after;
      const pairs = await Promise.all([first, before, after, before, after].map(({ sessions }) => sessions.refresh(refreshToken)));
      expect(new Set(pairs.map((pair) => pair.refreshToken)).size).toBe(1);
      for (const { accessToken } of pairs) await (round % 2 === 0 ? after : before).sessions.verify(accessToken);
      ({ refreshToken } = pairs[0]!);
      kids.add(refreshToken.split('.')[0]!);
    }
    expect([...kids].toSorted()).toEqual(['new', 'old']);
  });

  it('a rotation that a failover lost is no reuse: the newest token goes on', async () => {
    const first = await on.sessions.create('fay');
    const second = await on.sessions.refresh(first.refreshToken);
    // as on a replica that had not got the rotation yet
    await ask(inject('redisUrl'), async (client) => {
      const [record] = await client.keys(`${on.keyPrefix}s:*${first.sessionId.slice(6)}`);
      await client.hset(record!, 'g', 1);
    });
    const third = await other.sessions.refresh(second.refreshToken);
    expect((await on.sessions.get(first.sessionId))?.generation).toBe(3);
    await on.sessions.refresh(third.refreshToken);
    expect(await reasonOf(on.sessions.refresh(first.refreshToken))).toBe('reused');
  });

  it('a repeat within the leeway is honoured while the successor is unused, and not after the leeway', async () => {
    await using quick = await openSessions({ redis: inject('redisUrl'), sessions: { refreshLeeway: '3 s' } });
    const first = await quick.sessions.create('dan');
    const second = await quick.sessions.refresh(first.refreshToken);
    const rotated = performance.now();
    expect((await quick.sessions.refresh(first.refreshToken)).refreshToken).toBe(second.refreshToken);
    await until(() => performance.now() - rotated > 3_020);
    expect(await reasonOf(quick.sessions.refresh(first.refreshToken))).toBe('reused');
  });
});

describe('S5 what has ended stays ended', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  it.each(['local', 'remote'] as const)(
    `${INTERLEAVINGS} random interleavings with revoke, revokeAll and log-out over two connections revive nothing, where revocation is %s`,
    { timeout: 240_000 },
    async (revocation) => {
      const options = testOptions({
        redis: redis.url,
        keyPrefix: uniquePrefix(),
        commandTimeout: 10_000,
        sessions: { touchInterval: '1 ms', revocation },
      });
      await using one = await openSessions(options);
      await using two = await openSessions(options);
      const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
      const random = seededRandom(seed);
      const anyOf = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)]!;
      const service = (): SessionsUnderTest['sessions'] => anyOf([one, two]).sessions;

      async function interleave(user: string): Promise<void> {
        const init = { requestId: 'sign-in' };
        const first = await service().create(user, init);
        const all = random() < 0.4;
        const kill = all
          ? () => service().revokeAll(user)
          : anyOf([() => service().revoke(first.sessionId), () => service().logout(first.accessToken)]);
        const acts: (() => Promise<unknown>)[] = [
          () => service().touch(first.sessionId),
          () => service().refresh(first.refreshToken),
          () => service().update(first.sessionId, { a: user }),
          () => service().reauthenticated(first.sessionId),
          () => service().create(user, init),
          // a regenerated session is another one: only revokeAll ends it, too
          ...(all ? [() => service().regenerate(first.sessionId)] : []),
        ];
        const calls = Array.from({ length: 2 + Math.floor(random() * 3) }, () => anyOf(acts));
        const when = Math.floor(random() * (calls.length + 1));
        calls.splice(when, 0, kill);
        const outcomes = [];
        for (const call of calls) {
          outcomes.push(reasonOf(call()));
          if (random() < 0.2) await turn();
        }
        const unexpected = (await Promise.all(outcomes)).filter((outcome) => !['resolved', 'revoked', 'invalid'].includes(String(outcome)));
        expect(unexpected, `SEED=${seed} ${user}`).toEqual([]);
        expect(await service().count(user), `live sessions of ${user} after it was ended; SEED=${seed}`).toBe(0);
        const isRefused = async (): Promise<boolean> => (await reasonOf(service().verify(first.accessToken))) === 'revoked';
        if (revocation === 'remote') expect(await isRefused(), `SEED=${seed} ${user}`).toBe(true);
        else await until(isRefused, { within: 2_000, what: `the token of ${user} is refused; SEED=${seed}` });
      }

      let next = 0;
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          while (next < INTERLEAVINGS) await interleave(`user-${next++}`);
        }),
      );
      expect(next).toBe(INTERLEAVINGS);
      expect(await ask(redis, (client) => client.eval(LIVE_RECORDS, 0)), `SEED=${seed}`).toEqual([]);
      expect(await withoutTtl(redis)).toEqual([]);
    },
  );

  it('updates of different fields at once all land', async () => {
    await using one = await openSessions({ redis: redis.url });
    await using two = await openSessions({ redis: redis.url, keyPrefix: one.keyPrefix });
    const { sessionId } = await one.sessions.create('ivy');
    const fields = Array.from({ length: 60 }, (_, n) => [`f${n}`, n] as const);
    await Promise.all(fields.map(([name, value], n) => (n % 2 === 0 ? one : two).sessions.update(sessionId, { [name]: value })));
    expect(await one.sessions.get(sessionId, { data: true })).toMatchObject({ data: Object.fromEntries(fields), version: 60 });
  });

  it('of many with the same ifVersion one wins', async () => {
    await using on = await openSessions({ redis: redis.url });
    const { sessionId } = await on.sessions.create('ivy');
    const calls = Array.from({ length: 20 }, (_, n) => on.sessions.update(sessionId, { n }, { ifVersion: 0 }));
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await on.sessions.get(sessionId))?.version).toBe(1);
  });

  it('a session is ended by one of many log-outs at once, and told once', async () => {
    await using on = await openSessions({ redis: redis.url });
    using events = await EventsHeard.of(on.sessions);
    const { accessToken, refreshToken, sessionId } = await on.sessions.create('joe');
    const calls = [
      on.sessions.logout(accessToken),
      on.sessions.logout(refreshToken),
      on.sessions.revoke(sessionId),
      on.sessions.revoke(sessionId),
    ];
    expect((await Promise.all(calls)).filter(Boolean)).toHaveLength(1);
    expect((await events.untilNow()).map(({ type }) => type)).toEqual(['created', 'revoked']);
  });
});

/** Records that are no tombstones. */
const LIVE_RECORDS = `
local live = {}
for _, key in ipairs(redis.call('KEYS', '*s:{*')) do
  if redis.call('HEXISTS', key, 'z') == 0 then live[#live + 1] = key end
end
return live`;
