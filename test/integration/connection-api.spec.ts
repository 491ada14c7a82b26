import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InvalidArgumentError, StoreFullError, StoreUnavailableError } from '../../lib/errors/index.js';
import { assertText } from '../../lib/data/index.js';
import { Script } from '../../lib/redis/index.js';
import { startRedis, type TestRedis } from '../../lib/testing/index.js';
import { ask } from '../support/ask.js';
import { ConnectionUnderTest, PATIENT, rejection } from '../support/open-connection.js';

let redis: TestRedis;
let connection: ConnectionUnderTest;
beforeEach(async () => {
  redis = await startRedis();
  connection = await ConnectionUnderTest.open(redis.url, PATIENT);
});
afterEach(async () => {
  await connection.close();
  await redis.stop();
});

describe('J13', () => {
  it('ping', async () => {
    expect(await connection.ping()).toBe('PONG');
  });

  it('server info, whole and by section', async () => {
    expect(await connection.info()).toMatch(/redis_version:[\s\S]*used_memory:/);
    const memory = await connection.info('memory');
    expect(memory).toContain('used_memory:');
    expect(memory).not.toContain('redis_version:');
  });

  it('number of keys', async () => {
    expect(await connection.dbSize()).toBe(0);
    await ask(redis, (client) => client.mset('a', '1', 'b', '2'));
    expect(await connection.dbSize()).toBe(2);
  });

  it("number of keys, as a number, also with ioredis' option stringNumbers", async () => {
    await ask(redis, (client) => client.set('a', '1'));
    await using asked = await ConnectionUnderTest.open({ path: redis.socketPath, stringNumbers: true }, PATIENT);
    expect(await asked.dbSize()).toBe(1);
    expect(await asked.execute('exists', (client) => client.exists('a'))).toBe(1);
    const client = new Redis(redis.socketPath, { stringNumbers: true });
    try {
      await using lent = await ConnectionUnderTest.open({ client }, PATIENT);
      expect(await lent.dbSize()).toBe(1);
    } finally {
      client.disconnect();
    }
  });

  it.each([null, 1, [], ['server', 'memory'], {}, '', 's'.repeat(65), '\ud800'])('info(%j) is an InvalidArgumentError', async (section) => {
    await expect(connection.info(section as string)).rejects.toBeInstanceOf(InvalidArgumentError);
  });
});

describe('J14 events', () => {
  it('of a connection from first to last', async () => {
    expect(connection.seen).toEqual(['connected', 'ready']);
    await redis.kill();
    await expect.poll(() => connection.seen).toEqual(['connected', 'ready', 'disconnected', expect.stringMatching(/^error: connect /)]);
    await redis.restart();
    await expect.poll(() => connection.seen.slice(4)).toEqual(['connected', 'ready']);
  });

  it('that came before their listener are told to it', async () => {
    const told: string[] = [];
    connection.on('connected', () => told.push('connected')).on('ready', () => told.push('ready'));
    connection.on('disconnected', () => told.push('disconnected'));
    await expect.poll(() => told).toEqual(['connected', 'ready']);
  });

  it('reach nobody who has gone', async () => {
    const told: string[] = [];
    const listener = (): void => void told.push('disconnected');
    connection.on('disconnected', listener).off('disconnected', listener);
    await redis.kill();
    await expect.poll(() => connection.seen).toContain('disconnected');
    expect(told).toEqual([]);
  });

  it('have no other names', () => {
    for (const event of ['end', 'Ready', '__proto__', undefined, 1]) {
      expect(() => connection.on(event as 'ready', () => undefined)).toThrow(InvalidArgumentError);
      expect(() => connection.off(event as 'ready', () => undefined)).toThrow(InvalidArgumentError);
    }
    expect(() => connection.on('ready', undefined as unknown as () => void)).toThrow(InvalidArgumentError);
  });
});

describe('a call', () => {
  it('J15 reaches the raw client', async () => {
    await connection.client.set('k', 'v');
    expect(await connection.client.get('k')).toBe('v');
  });

  it('by script heals after SCRIPT FLUSH', async () => {
    const script = new Script<number>("return redis.call('INCR', KEYS[1])");
    const run = (): Promise<number> => connection.execute('incr', (client) => script.run(client, ['n'], []));
    expect(await run()).toBe(1);
    await ask(redis, (client) => client.script('FLUSH'));
    expect(await Promise.all([run(), run(), run()])).toEqual([2, 3, 4]);
  });

  it('beyond maxmemory is a StoreFullError, by command and by script', async () => {
    await ask(redis, (client) => client.config('SET', 'maxmemory', '1'));
    const set = new Script("#!lua\nreturn redis.call('SET', KEYS[1], 'v')");
    for (const send of [
      () => connection.execute('set', (client) => client.set('k', 'v')),
      () => connection.execute('set', (client) => set.run(client, ['k'], [])),
    ]) {
      const { error } = await rejection(send);
      expect(error).toBeInstanceOf(StoreFullError);
      expect(error).toMatchObject({ operation: 'set', retryAfter: 1 });
    }
    expect(await connection.ping()).toBe('PONG');
  });

  it('that Redis refuses is a StoreUnavailableError without arguments, and not ambiguous', async () => {
    const { error } = await rejection(() => connection.execute('odd', (client) => client.call('NO-SUCH-COMMAND', 'secret-argument')));
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error).toMatchObject({ operation: 'odd', ambiguous: false, retryAfter: 1 });
    expect((error.cause as Error).message).toBe("ERR unknown command 'NO-SUCH-COMMAND'");
  });

  it.each<[string, string, boolean]>([
    ['stops in the middle', "redis.call('SET', KEYS[1], 'v') return redis.call('INCR', KEYS[1])", true],
    ['raises an error', "redis.call('SET', KEYS[1], 'v') error('odd')", true],
    ['cannot be read', 'odd script', false],
    ['finds too few replicas for its first write', "return redis.call('SET', KEYS[1], 'v')", false],
    ['finds too few replicas for a write, before it runs', "#!lua\nreturn redis.call('SET', KEYS[1], 'v')", false],
  ])('by a script that %s is ambiguous where it may have written', async (name, lua, ambiguous) => {
    if (name.includes('replicas')) await ask(redis, (client) => client.config('SET', 'min-replicas-to-write', '1'));
    const { error } = await rejection(() => connection.execute('odd', (client) => new Script(lua).run(client, ['k'], [])));
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error).toMatchObject({ ambiguous });
    expect(await ask(redis, (client) => client.exists('k'))).toBe(ambiguous ? 1 : 0);
  });

  it('passes on errors of this package and mistakes of the program as they are', async () => {
    const typed = new InvalidArgumentError('x', 'is odd');
    await expect(connection.execute('x', () => Promise.reject(typed))).rejects.toBe(typed);
    const mistake = new TypeError('x is not a function');
    await expect(
      connection.execute('x', () => {
        throw mistake;
      }),
    ).rejects.toBe(mistake);
  });

  it('joins what is sent within one turn into one write for each 32 commands', async () => {
    const { stream } = connection.client as { stream?: NodeJS.WritableStream & { bytesWritten: number } } & typeof connection.client;
    let writes = 0;
    const socket = stream as unknown as { _writev: (...args: unknown[]) => void; _write: (...args: unknown[]) => void };
    for (const name of ['_write', '_writev'] as const) {
      const original = socket[name].bind(socket);
      socket[name] = (...args) => {
        writes++;
        original(...args);
      };
    }
    expect(await Promise.all(Array.from({ length: 100 }, () => connection.ping()))).toHaveLength(100);
    expect(writes).toBe(Math.ceil(100 / 32));
  });
});

describe('assertText', () => {
  it.each([
    ['a', 1],
    ['é', 2],
    ['😀', 4],
    ['\u0000', 1],
    ['a'.repeat(256), 256],
  ])('takes %j within %d bytes', (text, bytes) => {
    expect(() => assertText('id', text, bytes)).not.toThrow();
    if (bytes > 1) expect(() => assertText('id', text, bytes - 1)).toThrow(InvalidArgumentError);
  });

  it.each([undefined, null, 1, '', [], ['a'], {}, new String('a'), Buffer.from('a'), '\ud800', 'a\udc00', 'a'.repeat(257)])(
    'refuses %j, naming the argument',
    (value) => {
      expect(() => assertText('userId', value, 256)).toThrow(expect.objectContaining({ argument: 'userId' }));
    },
  );
});
