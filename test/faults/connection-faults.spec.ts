import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreUnavailableError } from '../../lib/errors/index.js';
import { Script } from '../../lib/redis/index.js';
import { startRedis, type TestRedis } from '../../lib/testing/index.js';
import { ask } from '../support/ask.js';
import { captureLog, ConnectionUnderTest, PATIENT, rejection } from '../support/open-connection.js';
import { FaultProxy } from '../support/proxy.js';
import { settledIn } from '../support/settled-in.js';
import { until } from '../support/until.js';

const DEADLINE_MS = 700;
const SETTLES_WITHIN_MS = DEADLINE_MS + 250;
const RECOVERS_WITHIN_MS = 2_000;
const PASSWORD = 'first-password';

let redis: TestRedis;
let proxy: FaultProxy;
let log: string[];
beforeEach(async () => {
  redis = await startRedis({ password: PASSWORD });
  proxy = await FaultProxy.open(redis.url);
  log = captureLog();
});
afterEach(async () => {
  await proxy.close();
  await redis.stop();
});

interface Fault {
  begin: () => Promise<void> | void;
  end: () => Promise<void> | void;
}

const faults: Record<string, Fault> = {
  'nobody listens': { begin: () => proxy.refuse(), end: () => proxy.heal() },
  'kill -9': { begin: () => redis.kill(), end: () => redis.restart() },
  SIGSTOP: { begin: () => redis.pause(), end: () => redis.resume() },
  silence: { begin: () => proxy.silence(), end: () => proxy.heal() },
  'accept, then close': { begin: () => proxy.acceptThenClose(), end: () => proxy.heal() },
  'password changed': {
    async begin() {
      await ask(redis, (client) => client.config('SET', 'requirepass', 'second-password'));
      // Who is in stays in: only new connections are refused.
      proxy.cut();
    },
    // Comes back with the password that it had first.
    end: () => redis.restart(),
  },
};

function open(): Promise<ConnectionUnderTest> {
  return ConnectionUnderTest.open(proxy.url, { commandTimeoutMs: DEADLINE_MS });
}

function increment(connection: ConnectionUnderTest, key: string): Promise<number> {
  return connection.execute('increment', (client) => client.incr(key));
}

/** Rejects as every call has to while Redis is not there. */
async function failsInTime(call: () => Promise<unknown>): Promise<StoreUnavailableError> {
  const { error, ms } = await rejection(call);
  expect(error).toBeInstanceOf(StoreUnavailableError);
  expect(ms).toBeLessThan(SETTLES_WITHIN_MS);
  expect((error as StoreUnavailableError).retryAfter).toBe(1);
  return error as StoreUnavailableError;
}

async function recovers(connection: ConnectionUnderTest): Promise<void> {
  await until(() => connection.ping(), { within: RECOVERS_WITHIN_MS });
}

function executed(key: string): Promise<number> {
  return ask(redis, async (client) => Number(await client.get(key)));
}

describe.each(Object.keys(faults))('S14 %s', (name) => {
  const fault = faults[name]!;

  it('at boot: boots, every call fails in time, recovers, and nothing is sent late', async () => {
    await fault.begin();
    const connection = new ConnectionUnderTest(proxy.url, { commandTimeoutMs: DEADLINE_MS });
    try {
      const key = randomUUID();
      if (name === 'password changed') {
        await expect(connection.open()).rejects.toThrow(/password is wrong/);
        return;
      }
      const opened = await settledIn(() => connection.open());
      expect(opened.error).toBeUndefined();
      expect(opened.ms).toBeLessThan(SETTLES_WITHIN_MS);
      for (let call = 0; call < 3; call++) {
        expect((await failsInTime(() => connection.ping())).ambiguous).toBe(false);
        expect((await failsInTime(() => increment(connection, key))).ambiguous).toBe(false);
      }
      expect(log.filter((line) => line.startsWith('warn'))).toHaveLength(1);
      await fault.end();
      await recovers(connection);
      expect(await executed(key)).toBe(0);
      expect(log.filter((line) => line.includes('available again'))).toHaveLength(1);
    } finally {
      await fault.end();
      await connection.close();
    }
  });

  it('while running: every call fails in time, executed at most once and never late, and recovers', async () => {
    await using connection = await open();
    const early = randomUUID();
    const late = randomUUID();
    expect(await increment(connection, 'before')).toBe(1);
    await fault.begin();
    // The first may still find the old connection, so that it is not known whether it was executed.
    const first = await failsInTime(() => increment(connection, early));
    // From here on nobody can think that there is a connection.
    await until(() => connection.seen.includes('disconnected'), { within: 3_000 });
    await failsInTime(() => connection.ping());
    for (let call = 0; call < 3; call++) {
      expect((await failsInTime(() => increment(connection, late))).ambiguous).toBe(false);
    }
    await fault.end();
    await recovers(connection);
    expect(await executed(late)).toBe(0);
    expect(await executed(early)).toBeLessThanOrEqual(first.ambiguous ? 1 : 0);
    expect(await increment(connection, 'after')).toBe(1);
    expect(log.filter((line) => line.includes('available again'))).toHaveLength(1);
    // One for the outage, and one more where it turned out to be a refusal.
    expect(log.filter((line) => /is not available|refuses/.test(line)).length).toBeLessThanOrEqual(2);
    expect(log.join() + inspect(first, { depth: 10 })).not.toContain(PASSWORD);
  });
});

describe('S14 one lost message', () => {
  it('a reply: the call is ambiguous, was executed once, and the next one works', async () => {
    await using connection = await open();
    for (let round = 1; round <= 20; round++) {
      const lost = proxy.dropNextReply(([command]) => command?.toUpperCase() === 'INCR');
      expect((await failsInTime(() => increment(connection, 'n'))).ambiguous).toBe(true);
      await lost;
      await recovers(connection);
      expect(await executed('n')).toBe(round);
    }
  });

  it('a request: the call is ambiguous, and is not executed later', async () => {
    await using connection = await open();
    const lost = proxy.dropNextRequest(([command]) => command?.toUpperCase() === 'INCR');
    expect((await failsInTime(() => increment(connection, 'n'))).ambiguous).toBe(true);
    await lost;
    await recovers(connection);
    expect(await executed('n')).toBe(0);
  });

  it('a connection that was cut while nothing was under way is made again without one failing call', async () => {
    await using connection = await ConnectionUnderTest.open(proxy.url, PATIENT);
    proxy.cut();
    await until(() => connection.seen.includes('disconnected'));
    expect(await increment(connection, 'n')).toBe(1);
    expect(log).toEqual([]);
  });
});

describe('S14 a server that is', () => {
  it('loading its data refuses, and is used when it has them', async () => {
    await using loading = await startRedis({
      port: 'tcp',
      config: ['enable-debug-command yes', 'key-load-delay 500', 'loading-process-events-interval-bytes 1024'],
    });
    await using connection = await ConnectionUnderTest.open(loading.url, { commandTimeoutMs: DEADLINE_MS });
    await ask(loading, (client) => client.call('DEBUG', 'POPULATE', '10000'));
    const reloaded = ask(loading, (client) => client.call('DEBUG', 'RELOAD')).catch(() => undefined);
    const refusal = await until(() =>
      increment(connection, 'n').then(
        () => undefined,
        (error: StoreUnavailableError) => (String(error.cause).includes('LOADING') ? error : undefined),
      ),
    );
    expect(refusal.ambiguous).toBe(false);
    // Who comes now waits for the end of it, within the deadline.
    await using newcomer = new ConnectionUnderTest(loading.url, { commandTimeoutMs: DEADLINE_MS });
    await newcomer.open();
    expect((await failsInTime(() => newcomer.ping())).ambiguous).toBe(false);
    await ask(loading, (client) => client.config('SET', 'key-load-delay', '0'));
    await reloaded;
    await Promise.all([recovers(connection), recovers(newcomer)]);
  });

  it('busy with a script refuses at once and recovers', async () => {
    await using connection = await open();
    await ask(redis, (client) => client.config('SET', 'busy-reply-threshold', '1'));
    const script = ask(redis, (client) => client.eval('while true do end', 0)).catch(() => undefined);
    await until(() =>
      connection.ping().then(
        () => false,
        (error: StoreUnavailableError) => String(error.cause).includes('BUSY'),
      ),
    );
    expect((await failsInTime(() => increment(connection, 'n'))).ambiguous).toBe(false);
    await ask(redis, (client) => client.script('KILL'));
    await script;
    await recovers(connection);
    expect(await executed('n')).toBe(0);
  });
});

it('S14 a user that is deleted while running is a refusal: an error event, and typed errors from calls', async () => {
  await ask(redis, (client) => client.call('ACL', 'SETUSER', 'app', 'on', '>of-app', '~*', '&*', '+@all'));
  await using connection = await ConnectionUnderTest.open(`redis://app:of-app@127.0.0.1:${proxy.port}`, { commandTimeoutMs: DEADLINE_MS });
  await ask(redis, (client) => client.call('ACL', 'DELUSER', 'app'));
  await until(() => connection.seen.some((event) => event.startsWith('error: WRONGPASS')));
  expect((await failsInTime(() => connection.ping())).ambiguous).toBe(false);
  expect(log.filter((line) => line.startsWith('error'))).toEqual([expect.stringContaining('password is wrong')]);
  await ask(redis, (client) => client.call('ACL', 'SETUSER', 'app', 'on', '>of-app', '~*', '&*', '+@all'));
  await recovers(connection);
});

describe('S14 a refusal by a reply, on a connection that stays up', () => {
  const grant = (...rules: string[]): Promise<unknown> => ask(redis, (client) => client.call('ACL', 'SETUSER', 'app', ...rules));
  const refusals = (connection: ConnectionUnderTest): string[] => connection.seen.filter((event) => event.startsWith('error'));
  const errorLines = (): string[] => log.filter((line) => line.startsWith('error'));

  async function openAsApp(): Promise<ConnectionUnderTest> {
    await grant('on', '>of-app', '~*', '&*', '+@all');
    return ConnectionUnderTest.open(`redis://app:of-app@127.0.0.1:${proxy.port}`, { commandTimeoutMs: DEADLINE_MS });
  }

  it('is told once per outage, whatever is called, and is over with the next success', async () => {
    await using connection = await openAsApp();
    for (let outage = 1; outage <= 2; outage++) {
      await grant('-@all');
      for (const call of [() => connection.ping(), () => increment(connection, 'n'), () => connection.ping()]) {
        expect((await failsInTime(call)).ambiguous).toBe(false);
      }
      expect(refusals(connection)).toEqual(Array(outage).fill(expect.stringMatching(/^error: NOPERM .*'ping'/)));
      expect(errorLines()).toEqual(Array(outage).fill(expect.stringMatching(/refuses us: .*lacks a permission/)));
      await grant('+@all');
      expect(await connection.ping()).toBe('PONG');
    }
    expect(connection.seen).not.toContain('disconnected');
  });

  it('is told once for an operation that is never allowed, though others succeed, and again for a new connection or for all of them', async () => {
    await using connection = await openAsApp();
    await grant('-incr');
    for (let call = 0; call < 3; call++) {
      await failsInTime(() => increment(connection, 'n'));
      await connection.ping();
    }
    expect(refusals(connection)).toHaveLength(1);
    proxy.cut();
    await until(() => connection.seen.filter((event) => event === 'ready').length === 2);
    await failsInTime(() => increment(connection, 'n'));
    expect(refusals(connection)).toHaveLength(2);
    await connection.ping();
    await grant('-@all');
    await failsInTime(() => connection.ping());
    expect(refusals(connection)).toHaveLength(3);
    expect(errorLines()).toHaveLength(3);
  });

  it('within a script is told, and is ambiguous: it may have written before', async () => {
    await using connection = await openAsApp();
    await grant('-incr');
    const script = new Script("redis.call('SET', KEYS[1], '1') return redis.call('INCR', KEYS[1])");
    const run = (): Promise<unknown> => connection.execute('script', (client) => script.run(client, ['n'], []));
    expect((await failsInTime(run)).ambiguous).toBe(true);
    expect(refusals(connection)).toHaveLength(1);
    expect(errorLines()).toEqual([expect.stringContaining('lacks a permission')]);
  });

  it('is told for a connection that lost its credentials', async () => {
    await using connection = await open();
    await (connection.client as Redis).reset();
    expect((await failsInTime(() => connection.ping())).ambiguous).toBe(false);
    expect(refusals(connection)).toEqual([expect.stringMatching(/^error: NOAUTH/)]);
    expect(errorLines()).toEqual([expect.stringContaining('a password is required')]);
  });

  it("is the application's own affair where it meets its own commands", async () => {
    await using connection = await openAsApp();
    await grant('-get');
    await expect(connection.client.get('k')).rejects.toThrow(/NOPERM/);
    expect(await connection.ping()).toBe('PONG');
    expect(refusals(connection)).toEqual([]);
    expect(errorLines()).toEqual([]);
  });
});

it('S14 a database that may no longer be selected is not taken for database 0', async () => {
  await ask(redis, (client) => client.call('ACL', 'SETUSER', 'app', 'on', '>of-app', '~*', '&*', '+@all'));
  await using connection = await ConnectionUnderTest.open(`redis://app:of-app@127.0.0.1:${proxy.port}/5`, {
    commandTimeoutMs: DEADLINE_MS,
  });
  expect(await increment(connection, 'n')).toBe(1);
  await ask(redis, (client) => client.call('ACL', 'SETUSER', 'app', '-select'));
  proxy.cut();
  await until(() => connection.seen.some((event) => event.startsWith('error: NOPERM')));
  const selects = proxy.commands.get('SELECT') ?? 0;
  await until(async () => {
    expect((await failsInTime(() => increment(connection, 'n'))).ambiguous).toBe(false);
    return proxy.commands.get('SELECT')! >= selects + 2;
  });
  expect(await executed('n')).toBe(0);
  await ask(redis, (client) => client.call('ACL', 'SETUSER', 'app', '+select'));
  await recovers(connection);
  expect(await increment(connection, 'n')).toBe(2);
});

describe("S14 the application's own client, whose queue keeps what it is given", () => {
  it('is given nothing after the deadline', async () => {
    await redis.pause();
    const client = new Redis(proxy.url);
    try {
      await using connection = await ConnectionUnderTest.open({ client }, { commandTimeoutMs: DEADLINE_MS });
      expect((await failsInTime(() => increment(connection, 'n'))).ambiguous).toBe(false);
      await redis.resume();
      await recovers(connection);
      expect(await executed('n')).toBe(0);
    } finally {
      client.disconnect();
    }
  });

  it('is given nothing in the moment in which its connection is lost', async () => {
    const client = new Redis(proxy.url);
    try {
      await using connection = await ConnectionUnderTest.open({ client }, { commandTimeoutMs: DEADLINE_MS });
      const lost = new Promise<StoreUnavailableError>((resolve) => {
        client.stream.once('close', () => resolve(failsInTime(() => increment(connection, 'n'))));
      });
      proxy.cut();
      expect((await lost).ambiguous).toBe(false);
      await recovers(connection);
      expect(await executed('n')).toBe(0);
    } finally {
      client.disconnect();
    }
  });
});

it.each(['SIGSTOP', 'kill -9', 'silence'])(
  "S14 the application's own client without any limits does not delay our calls: %s",
  async (name) => {
    const fault = faults[name]!;
    const client = new Redis(proxy.url);
    try {
      await using connection = await ConnectionUnderTest.open({ client }, { commandTimeoutMs: DEADLINE_MS });
      await fault.begin();
      for (let call = 0; call < 3; call++) await failsInTime(() => connection.ping());
      await fault.end();
      await until(() => connection.ping(), { within: 3_000 });
    } finally {
      client.disconnect();
    }
  },
);
