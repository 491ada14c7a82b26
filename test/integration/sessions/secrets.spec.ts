import { randomBytes } from 'node:crypto';
import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { deriveKey, namespaceOf } from '../../../lib/jwt/index.js';
import { resolveOptions } from '../../../lib/options/index.js';
import type { SessionTokens } from '../../../lib/sessions/index.js';
import { hashSecret } from '../../../lib/sessions/refresh-token.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask, clientOf } from '../../support/ask.js';
import { CommandMonitor } from '../../support/monitor.js';
import { captureLog } from '../../support/open-connection.js';
import { openSessions, type SessionsUnderTest, testOptions } from '../../support/sessions.js';
import { until } from '../../support/until.js';

const PASSWORD = 'r3dis/pass:w@rd#1';
const WRONG_PASSWORD = 'wr0ng/pass:w@rd#2';
const JWT_SECRET = randomBytes(48).toString('base64url');
const KEY_PREFIX = 'secrets:';

const everything = { depth: 10, showHidden: true, maxStringLength: null, maxArrayLength: null, breakLength: Infinity } as const;

/** Everything that could be looked into afterwards, by where it was found. */
const found: Record<string, string[]> = { monitor: [], stored: [], traced: [], errors: [], answers: [] };
const issued: SessionTokens[] = [];
const errors: Error[] = [];
let log: string[];
let consoleLines: string[];

let redis: TestRedis;
let on: SessionsUnderTest;
const stopTracing: (() => void)[] = [];

const text = (value: unknown): string => (typeof value === 'string' ? value : inspect(value, everything));

/** A call of the package: what it answered but for tokens, and the error if it failed. */
async function call<T>(made: Promise<T>): Promise<T | undefined> {
  try {
    const answer = await made;
    if (answer !== null && typeof answer === 'object' && 'refreshToken' in answer) issued.push(answer as unknown as SessionTokens);
    else found['answers']!.push(text(answer));
    return answer;
  } catch (error) {
    errors.push(error as Error);
    found['errors']!.push(text(error), JSON.stringify(error), String((error as Error).stack), text((error as Error).cause));
    return undefined;
  }
}

/** Every public call, with tokens that are live, used, ended, forged and misplaced. */
async function everyCall(): Promise<void> {
  const { sessions } = on;
  const full = { tenant: 'acme', claims: { role: 'admin' }, data: { cart: [] }, device: { name: 'phone', ip: '::1' }, scopes: ['read'] };
  for (const init of [{}, full, { requestId: 'r' }, { requestId: 'r' }, { tenant: 'acme', requestId: 'r' }]) {
    const first = (await call(sessions.create('ann', init))) ?? issued.at(-1)!;
    await call(sessions.verify(first.accessToken, { data: true }));
    const second = (await call(sessions.refresh(first.refreshToken, { claims: { role: 'user' } }))) ?? first;
    await call(sessions.refresh(first.refreshToken));
    await call(sessions.get(first.sessionId, { data: true }));
    await call(sessions.update(first.sessionId, { a: 1 }));
    await call(sessions.update(first.sessionId, { a: 1 }, { ifVersion: 99 }));
    await call(sessions.touch(first.sessionId));
    await call(sessions.reauthenticated(first.sessionId));
    await call(sessions.refresh(second.refreshToken));
    const other = (await call(sessions.regenerate(first.sessionId))) ?? second;
    await call(sessions.list('ann', { data: true, ...('tenant' in init && { tenant: 'acme' }) }));
    await call(sessions.count('ann'));
    // Theft.
    const next = (await call(sessions.refresh(other.refreshToken))) ?? other;
    await call(sessions.refresh(next.refreshToken));
    await call(sessions.refresh(other.refreshToken));
    await call(sessions.refresh(next.refreshToken));
    await call(sessions.verify(next.accessToken));
    // Tokens that are forged, or where none belongs.
    await call(sessions.verify(`${first.accessToken.slice(0, -2)}AA`));
    await call(sessions.refresh(`${first.refreshToken.slice(0, -2)}AA`));
    for (const token of [first.accessToken, first.refreshToken]) {
      await call(sessions.get(token));
      await call(sessions.revoke(token));
      await call(sessions.update(token, {}));
      await call(sessions.revokeAll('ann', { except: token }));
      await call(sessions.create('ann', { accessTokenTtl: token }));
      await call(sessions.create('ann', { scopes: [`"${token}`], device: { [token]: 'x' } }));
    }
    await call(sessions.verify(first.refreshToken));
    await call(sessions.refresh(first.accessToken));
    await call(sessions.logout(first.accessToken));
    await call(sessions.logout(second.refreshToken));
  }
  await call(sessions.revokeAll('ann', { tenant: 'acme' }));
  await call(sessions.revokeTenant('acme'));
  await call(sessions.create('ann'));
  await call(sessions.create('bob', full));
  await call(on.connection.ping());
  await call(on.connection.info('server'));
  await call(on.connection.info(PASSWORD.repeat(9)));
}

/** Every key with all that it holds. */
async function readAll(client: Redis): Promise<string[]> {
  const texts: string[] = [];
  for (const key of await client.keys('*')) {
    const type = await client.type(key);
    if (type === 'hash') texts.push(key, ...Object.entries(await client.hgetall(key)).flat());
    else if (type === 'zset') texts.push(key, ...(await client.zrange(key, '0', '-1', 'WITHSCORES')));
    else if (type === 'string') texts.push(key, (await client.get(key))!);
    else if (type === 'stream') texts.push(key, ...(await client.xrange(key, '-', '+')).flat(2));
    else throw new Error(`a key of type ${type}`);
  }
  return texts;
}

async function monitored(work: () => Promise<void>): Promise<void> {
  // ioredis takes a command that is monitored in the moment when MONITOR begins for a reply: all has to be quiet.
  await until(async () => {
    const clients = String(await ask(redis, (client) => client.client('LIST')));
    return / sub=1 /.test(clients) && / psub=1 /.test(clients);
  });
  await using monitor = await CommandMonitor.start(redis);
  await work();
  found['stored']!.push(...(await ask(redis, readAll)));
  found['monitor']!.push(...(await monitor.everything()).map(({ args }) => args.join(' ')));
}

async function passwordChanged(): Promise<void> {
  const admin = clientOf(redis);
  try {
    const refused = new Promise<Error>((resolve) => on.connection.on('error', resolve));
    await admin.config('SET', 'requirepass', 'an0ther/pass:w@rd#3');
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    found['errors']!.push(text(await refused));
    await everyCall();
    await admin.config('SET', 'requirepass', PASSWORD);
  } finally {
    admin.disconnect();
  }
  await until(() => on.connection.ping());
}

const noteWarning = (warning: Error): void => void consoleLines.push(text(warning));

beforeAll(async () => {
  for (const name of ['ioredis:command', 'ioredis:batch', 'ioredis:connect']) {
    const channel: TracingChannel<unknown> = tracingChannel(name);
    const note = (payload: unknown): void => void found['traced']!.push(text(payload));
    const subscribers = { start: note, end: note, asyncStart: note, asyncEnd: note, error: note };
    channel.subscribe(subscribers);
    stopTracing.push(() => channel.unsubscribe(subscribers));
  }
  log = captureLog();
  consoleLines = [];
  for (const name of ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const) {
    vi.spyOn(console, name).mockImplementation((...parts: unknown[]) => void consoleLines.push(parts.map(text).join(' ')));
  }
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((chunk: string | Uint8Array) => consoleLines.push(String(chunk)) > 0);
  }
  process.on('warning', noteWarning);

  redis = await startRedis({ password: PASSWORD });
  on = await openSessions({
    redis: redis.url,
    keyPrefix: KEY_PREFIX,
    commandTimeout: 1_000,
    jwt: { secret: JWT_SECRET },
    sessions: { limit: 4, keyspaceNotifications: true, touchInterval: 0 },
  });
  on.sessions.events.subscribe((event) => found['answers']!.push(text(event)));

  await monitored(everyCall);
  await monitored(async () => {
    await ask(redis, (client) => client.script('FLUSH'));
    await everyCall();
    const { sessionId } = issued.at(-1)!;
    await ask(redis, async (client) => {
      await client.config('SET', 'maxmemory', '1');
      await call(on.sessions.create('ann', { tenant: 'acme' }));
      await call(on.sessions.update(sessionId, { a: 1 }));
      await client.config('SET', 'maxmemory', '0');
      // Of another type than ours.
      const [record] = await client.keys(`*{${sessionId.slice(0, 6)}}${sessionId.slice(6)}`);
      await client.set(record!, 'not a hash');
    });
    await call(on.sessions.refresh(issued.at(-1)!.refreshToken));
    await call(on.sessions.get(sessionId));
  });
  await passwordChanged();
  await redis.pause();
  await call(on.sessions.create('ann', { requestId: 'paused' }));
  await call(on.sessions.verify(issued.at(-1)!.accessToken));
  await call(on.sessions.refresh(issued.at(-1)!.refreshToken));
  await call(on.sessions.logout(issued.at(-1)!.refreshToken));
  await redis.resume();
  await monitored(async () => void (await until(() => on.sessions.create('ann').then((tokens) => issued.push(tokens)))));

  const wrongUrl = redis.url.replace(encodeURIComponent(PASSWORD), encodeURIComponent(WRONG_PASSWORD));
  await call(openSessions({ redis: wrongUrl, keyPrefix: KEY_PREFIX, jwt: { secret: JWT_SECRET } }));
  await call((async () => resolveOptions(testOptions({ redis: `${redis.url}/x/y`, jwt: { secret: JWT_SECRET, issuer: '' } })))());
  await call(
    (async () =>
      resolveOptions(testOptions({ redis: { url: redis.url, keyPrefix: 'x' } as never, jwt: { secret: JWT_SECRET.slice(0, 31) } })))(),
  );
  await redis.kill();
  await everyCall();
  await until(() => log.some((line) => line.includes('is not available')));
  await on[Symbol.asyncDispose]();
  await call(on.sessions.verify(issued.at(-1)!.accessToken));
});
afterAll(async () => {
  stopTracing.forEach((stop) => stop());
  process.off('warning', noteWarning);
  vi.restoreAllMocks();
  await redis.stop();
});

describe('S16 S20 after a life of all operations and faults', () => {
  it('the story had what it needs to prove anything', () => {
    expect(issued.length).toBeGreaterThan(30);
    expect(new Set(errors.map((error) => ('code' in error ? error.code : error.message)))).toEqual(
      new Set([
        'ERR_REDIS_AUTH_INVALID_TOKEN',
        'ERR_REDIS_AUTH_INVALID_ARGUMENT',
        'ERR_REDIS_AUTH_SESSION_CONFLICT',
        'ERR_REDIS_AUTH_STORE_UNAVAILABLE',
        'ERR_REDIS_AUTH_STORE_FULL',
        'ERR_REDIS_AUTH_CONFIG',
      ]),
    );
    expect(log.join('\n')).toMatch(/is not available/);
    expect(log.join('\n')).toMatch(/refuses us/);
    const last = issued.at(-1)!;
    for (const where of ['monitor', 'stored', 'traced'] as const) {
      const all = found[where]!.join('\n');
      expect(all, where).toContain(last.sessionId.slice(6));
    }
    expect(found['monitor']!.join('\n')).toMatch(/evalsha/);
    // What is kept of a secret is to be seen, so the look into the store was a look into it.
    expect(found['stored']!.join('\n')).toContain(hashSecret(last.refreshToken.split('.')[2]!));
    expect(found['answers']!.join('\n')).toContain('reuse-detected');
  });

  const places = (): Record<string, string> => ({
    ...Object.fromEntries(Object.entries(found).map(([name, texts]) => [name, texts.join('\n')])),
    log: log.join('\n'),
    console: consoleLines.join('\n'),
  });

  /** Where any of these is to be seen. */
  function leaks(secrets: Iterable<string>): string[] {
    const all = Object.entries(places());
    const leaked: string[] = [];
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(11);
      for (const [place, content] of all) if (content.includes(secret)) leaked.push(`${place}: ${secret.slice(0, 6)}…`);
    }
    return leaked;
  }

  it('no access token is seen anywhere, nor its signature', () => {
    expect(leaks(new Set(issued.flatMap(({ accessToken }) => [accessToken, accessToken.split('.')[2]!])))).toEqual([]);
  });

  it('no refresh token is seen anywhere, nor the secret of its session, nor its MAC', () => {
    const parts = issued.flatMap(({ refreshToken }) => {
      const [, , secret, , mac] = refreshToken.split('.') as [string, string, string, string, string];
      return [
        refreshToken,
        secret,
        mac,
        Buffer.from(secret, 'base64url').toString('hex'),
        Buffer.from(secret, 'base64url').toString('latin1'),
      ];
    });
    expect(leaks(new Set(parts))).toEqual([]);
  });

  it('neither the secret of the JWTs nor a key made of it is seen anywhere', () => {
    const { jwt } = resolveOptions(testOptions({ keyPrefix: KEY_PREFIX, jwt: { secret: JWT_SECRET } }));
    const key = deriveKey(jwt.keys[0]!.signingKey!, `refresh-token:${namespaceOf(KEY_PREFIX)}`);
    const forms = [Buffer.from(JWT_SECRET), key].flatMap((bytes) =>
      (['latin1', 'hex', 'base64', 'base64url'] as const).map((encoding) => bytes.toString(encoding)),
    );
    expect(leaks([...forms, JWT_SECRET.slice(0, 31)])).toEqual([]);
  });

  it('no password is seen anywhere, neither the right one nor a wrong one', () => {
    const passwords = [PASSWORD, WRONG_PASSWORD, 'an0ther/pass:w@rd#3'];
    // Where AUTH is refused, the driver's own trace carries its error, and that the command; nobody but the driver can mend it.
    const ours = Object.entries(places()).filter(([place]) => place !== 'traced');
    for (const password of [...passwords, ...passwords.map(encodeURIComponent)]) {
      for (const [place, content] of ours) expect(content.includes(password), `${place}: ${password}`).toBe(false);
    }
  });
});
