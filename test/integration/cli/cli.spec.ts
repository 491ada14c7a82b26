import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster } from 'ioredis';
import { RedisTokens } from 'redis-tokens';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OAuthTokenStore } from '../../../lib/oauth/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { TokenStore } from '../../../lib/tokens/index.js';
import { ask } from '../../support/ask.js';
import { CliProgram, runHere } from '../../support/cli-process.js';
import { ClusterSetup } from '../../support/cluster.js';
import { FaultProxy } from '../../support/proxy.js';
import { TEST_SECRET } from '../../support/sessions.js';
import { until } from '../../support/until.js';

const PASSWORD = 'p4ss-w0rd-of-the-test';

let cli: CliProgram;
let source: TestRedis;
let target: TestRedis;
let directory: string;
beforeAll(async () => {
  [cli, source, target, directory] = await Promise.all([
    CliProgram.write(),
    startRedis({ password: PASSWORD }),
    startRedis({ password: PASSWORD }),
    mkdtemp(join(tmpdir(), 'cli-')),
  ]);
});
afterAll(async () => {
  await Promise.all([cli[Symbol.asyncDispose](), source.stop(), target.stop(), rm(directory, { recursive: true })]);
});
beforeEach(() => Promise.all([source, target].map((server) => ask(server, (client) => client.flushall()))));

const secretEnv = (): Record<string, string> => ({ REDIS_URL: target.url, SOURCE_REDIS_URL: source.url, REDIS_AUTH_SECRET: TEST_SECRET });

async function withStore<T>(server: TestRedis, use: (store: TokenStore) => Promise<T>): Promise<T> {
  const store = new TokenStore({ redis: server.url, secret: TEST_SECRET, commandTimeout: 10_000 });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** Tokens as redis-tokens stores them, by itself. */
async function fillSource(count: number): Promise<string[]> {
  const original = new RedisTokens(source.url);
  try {
    const init = (n: number) => ({ app: 'shop', type: 'login', owner: `user ${n % 7}`, data: { n }, duration: 600 });
    const tokens = await Promise.all(Array.from({ length: count }, (_, n) => original.create(init(n))));
    return tokens.map((token) => token!.token);
  } finally {
    original.client.disconnect();
  }
}

/** Everything in a server, byte by byte. */
function dump(server: TestRedis): Promise<string[]> {
  return ask(server, async (client) => {
    const keys = (await client.keys('*')).sort();
    return Promise.all(
      keys.map(async (key) => `${key} ${(await client.dumpBuffer(key)).toString('base64')} ${await client.pexpiretime(key)}`),
    );
  });
}

describe('migrate', () => {
  it('takes over what redis-tokens stored, and tells what it did; a second time it finds all of it', async () => {
    const tokens = await fillSource(40);
    await ask(source, (client) => client.set('app:a|type:b|owner:c|token:d|token:e', '{}'));
    const first = await runHere(['migrate', '--from', 'redis-tokens'], { env: secretEnv() });
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toBe('41 read, 40 imported, 0 were there already, 1 left out: 1 whose key can be read in several ways.\n');
    await withStore(target, async (store) => {
      for (const [n, token] of tokens.entries()) {
        expect(await store.get({ app: 'shop', type: 'login', token })).toMatchObject({ owner: `user ${n % 7}`, data: { n } });
      }
    });
    const second = await runHere(['migrate', '--from', 'redis-tokens', '--json'], { env: secretEnv() });
    expect(JSON.parse(second.out)).toEqual({ read: 41, imported: 0, present: 40, skipped: { 'ambiguous-key': 1 }, dryRun: false });
  });

  it('writes nothing in a dry run, not in the source either', async () => {
    await fillSource(10);
    await withStore(target, (store) => store.create({ type: 'reset', owner: 'ann' }));
    const before = [await dump(source), await dump(target)];
    const { code, out } = await runHere(['migrate', '--from', 'redis-tokens', '--dry-run'], { env: secretEnv() });
    expect({ code, out }).toEqual({
      code: 0,
      out: '10 read, 10 would be imported, 0 were there already, none left out.\nThis was a dry run: nothing was written.\n',
    });
    expect([await dump(source), await dump(target)]).toEqual(before);
  });

  it('walks over every master of a Cluster, to a Cluster', async () => {
    await using cluster = await ClusterSetup.start();
    const client = new Cluster(cluster.addresses);
    try {
      await Promise.all(Array.from({ length: 300 }, (_, n) => client.set(`app:a|type:b|owner:o${n}|token:t${n}`, '{}')));
      const env = { REDIS_URL: cluster.url };
      const { out, err } = await runHere(['migrate', '--from', 'redis-tokens', '--json'], { env });
      expect({ err, ...JSON.parse(out) }).toMatchObject({ err: '', read: 300, imported: 300 });
      const store = new TokenStore({ redis: cluster.url });
      for (let n = 0; n < 300; n++) expect(await store.get({ app: 'a', type: 'b', token: `t${n}` })).toMatchObject({ owner: `o${n}` });
      await store.close();
      const stats = await runHere(['stats', '--json'], { env });
      expect(JSON.parse(stats.out)).toMatchObject({ exact: true, tokens: { estimate: 300 }, owners: { estimate: 300 } });
    } finally {
      client.disconnect();
    }
  });

  it('takes over sessions of express-session by the owner that is named, and what atxp stored', async () => {
    await ask(source, async (client) => {
      await client.set('s:abc', JSON.stringify({ cookie: {}, user: { id: 7 } }), 'EX', 600);
      await client.set('s:def', JSON.stringify({ cookie: {} }), 'EX', 600);
      const token = {
        resource_url: 'https://api.example/',
        encrypted_access_token: 'access',
        encrypted_refresh_token: null,
        expires_at: null,
      };
      await client.set('oauth:access_token:base:0xabc:https://api.example/', JSON.stringify(token), 'EX', 600);
    });
    const args = ['migrate', '--from', 'express-session', '--source-prefix', 's:', '--owner-field', 'user.id', '--json'];
    expect(JSON.parse((await runHere(args, { env: secretEnv() })).out)).toMatchObject({ imported: 1, skipped: { 'no-owner': 1 } });
    await withStore(target, async (store) => {
      expect(await store.consume({ type: 'express-session', token: 'abc' })).toMatchObject({ owner: '7' });
    });
    expect(JSON.parse((await runHere(['migrate', '--from', 'atxp', '--json'], { env: secretEnv() })).out)).toMatchObject({ imported: 1 });
    const oauth = new OAuthTokenStore({ redis: target.url, secret: TEST_SECRET });
    expect(await oauth.getAccessToken('base:0xabc', 'https://api.example/')).toMatchObject({ accessToken: 'access' });
    await oauth.close();
  });
});

describe('export and import', () => {
  it('moves the tokens of this package, with a file that only its user can read', async () => {
    const made = await withStore(source, (store) =>
      Promise.all(Array.from({ length: 30 }, (_, n) => store.create({ type: 'reset', owner: `user ${n}`, ttl: '10m', data: { n } }))),
    );
    const file = join(directory, 'tokens.ndjson');
    // One that others may read is replaced, not written into.
    await writeFile(file, 'old');
    await chmod(file, 0o644);
    const { code, out } = await runHere(['export', '--file', file, '--redis', source.url]);
    expect({ code, out }).toEqual({ code: 0, out: '30 written, none left out.\n' });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(['tokens.ndjson']);
    const text = await readFile(file, 'utf8');
    for (const { token } of made) expect(text).not.toContain(token.slice(6));

    expect(await runHere(['import', '--file', file], { env: secretEnv() })).toMatchObject({ code: 0, err: '' });
    await withStore(target, async (store) => {
      for (const token of made) expect(await store.get(token)).toEqual(token);
    });
  });

  it('writes hashes of what another system stored in the clear, which can be imported, and the tokens only when told to', async () => {
    const tokens = await fillSource(12);
    const hashed = await runHere(['export', '--from', 'redis-tokens'], { env: secretEnv() });
    expect(hashed).toMatchObject({ code: 0, err: '12 written, none left out.\n' });
    for (const token of tokens) expect(hashed.out).not.toContain(token);
    expect(await dump(target)).toEqual([]);

    const open = join(directory, 'open.ndjson');
    expect(await runHere(['export', '--from', 'redis-tokens', '--with-secrets', '--file', open], { env: secretEnv() })).toMatchObject({
      code: 0,
    });
    const text = await readFile(open, 'utf8');
    for (const token of tokens) expect(text).toContain(token);
    expect((await stat(open)).mode & 0o777).toBe(0o600);

    const imported = await runHere(['import', '--json'], { env: secretEnv(), input: hashed.out });
    expect(JSON.parse(imported.out)).toMatchObject({ imported: 12, present: 0 });
    const again = await runHere(['import', '--json', '--file', open], { env: secretEnv() });
    expect(JSON.parse(again.out)).toMatchObject({ imported: 0, present: 12 });
    await withStore(target, async (store) => {
      for (const token of tokens) expect(await store.get({ app: 'shop', type: 'login', token })).not.toBeNull();
    });
  });

  it('leaves records of OAuth out of a file without secrets, and says so', async () => {
    const credentials = { encrypted_client_id: 'id', encrypted_client_secret: 'very secret', redirect_uri: 'https://app.example' };
    await ask(source, (client) => client.set('oauth:client_credentials:https://as.example', JSON.stringify(credentials)));
    const closed = await runHere(['export', '--from', 'atxp'], { env: secretEnv() });
    expect(closed).toEqual({ code: 0, out: '', err: '0 written, 1 left out: 1 secret (--with-secrets writes them, too).\n' });
    const open = await runHere(['export', '--from', 'atxp', '--with-secrets'], { env: secretEnv() });
    expect(open.out).toContain('very secret');
    const imported = await runHere(['import', '--json'], { env: secretEnv(), input: open.out });
    expect(JSON.parse(imported.out)).toMatchObject({ imported: 1 });
  });

  it('leaves broken lines out, with their numbers', async () => {
    await withStore(source, (store) => store.create({ type: 'reset', owner: 'ann' }));
    const { out } = await runHere(['export', '--redis', source.url]);
    const input = `not json\n${out}\n[1]\n{"kind":"token"}\n${out.slice(0, 40)}`;
    const { code, err, ...rest } = await runHere(['import', '--json'], { env: secretEnv(), input });
    expect(code).toBe(0);
    expect(err).toBe([1, 4, 5, 6].map((line) => `line ${line} is left out: malformed\n`).join(''));
    expect(JSON.parse(rest.out)).toMatchObject({ read: 5, imported: 1, skipped: { malformed: 4 } });
  });
});

describe('stats', () => {
  it('R6 tells memory, sessions and tokens', async () => {
    await withStore(target, (store) => Promise.all([1, 2, 3].map((n) => store.create({ type: 'reset', owner: `user ${n % 2}` }))));
    const { code, out } = await runHere(['stats'], { env: secretEnv() });
    expect(code).toBe(0);
    expect(out).toMatch(
      /^memory +\d\.\d kB in 7 keys\nsessions +0 of 0 users\ntokens +3 of 2 owners\n {2}"reset" +3 of 2 owners\nEvery key was counted\.\n$/,
    );
    const json = await runHere(['stats', '--json', '--sample', 'all', '--redis', target.url]);
    expect(JSON.parse(json.out)).toMatchObject({ exact: true, tokens: { estimate: 3, error: 0, exact: true } });
  });
});

describe('how it ends', () => {
  it.each([
    [[], /Usage: nestjs-redis-auth <command>/],
    [['frobnicate'], /Usage: nestjs-redis-auth <command>/],
    [['import', '--frobnicate'], /--frobnicate/],
    [['migrate'], /--from must be one of redis-tokens, redis-jwt, atxp, express-session/],
    [['migrate', '--from', 'memcached'], /--from must be one of/],
    [['migrate', '--from', 'atxp', '--redis', '/nowhere'], /REDIS_AUTH_SECRET/],
    [['migrate', '--from', 'redis-tokens', '--source-prefix', 'x:'], /--source-prefix means nothing to redis-tokens/],
    [['migrate', '--from', 'atxp', '--owner-field', 'user'], /--owner-field means nothing to atxp/],
    [['export', '--source', '/nowhere'], /--source needs --from/],
    [['export', '--with-secrets'], /--with-secrets needs --from/],
    [['stats', '--sample', 'some'], /--sample/],
    [['stats', '--redis', 'http://x'], /redis: must begin with/],
    [['export', '--file', '/dev/null', '--redis', '/nowhere'], /is not a file/],
  ])('with 2 for %j, and says why', async (args, why) => {
    const { code, out, err } = await runHere(args);
    expect(code).toBe(2);
    expect(err).toMatch(why);
    expect(out).toBe('');
  });

  it('with 0 and help where that is asked for', async () => {
    expect(await cli.run(['--help'])).toMatchObject({ code: 0, err: '' });
    for (const command of ['migrate', 'export', 'import', 'stats', 'doctor']) {
      const { code, out } = await runHere([command, '--help']);
      expect(code).toBe(0);
      expect(out).toMatch(new RegExp(`^Usage: nestjs-redis-auth ${command} `));
      expect(out).toContain('--redis <url>');
    }
  });

  it('the doctor, as a program, with what it found: the report alone on standard output', async () => {
    const { code, out, err } = await cli.run(['doctor', '--json'], { env: { REDIS_URL: target.url, JWT_SECRET: PASSWORD } });
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(JSON.parse(out)).toMatchObject({ ok: false, findings: [{ code: 'weak-secret', path: 'JWT_SECRET' }, {}, {}, {}] });
    expect(out).not.toContain(PASSWORD);
    expect(await cli.run(['doctor', '--json', '--redis', '/nowhere/redis.sock'])).toMatchObject({
      code: 1,
      err: '',
      out: expect.stringMatching(/^\{"ok":false,"redis":"\/nowhere\/redis\.sock","findings":\[\{"code":"socket-missing"/) as string,
    });
  });

  it('S20 with 1 when Redis is not there or refuses, without a word of a password', async () => {
    const wrong = target.url.replace(PASSWORD, 'wr0ng-password');
    const outcomes = await Promise.all([
      cli.run(['stats', '--redis', '/nowhere/redis.sock']),
      cli.run(['stats', '--redis', wrong]),
      cli.run(['migrate', '--from', 'redis-tokens', '--redis', target.url, '--source', wrong]),
      cli.run(['migrate', '--from', 'redis-jwt', '--redis', target.url, '--source', '/nowhere/redis.sock']),
      cli.run(['stats', target.url]),
      cli.run(['stats', '--redis', target.url.replace('redis://', 'radish://')]),
    ]);
    expect(outcomes.map(({ code }) => code)).toEqual([1, 1, 1, 1, 2, 2]);
    for (const { out, err } of outcomes) {
      expect(err).not.toBe('');
      expect(out + err).not.toMatch(/wr0ng-password|p4ss-w0rd|\n\s+at /);
    }
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('with 1 after %s, and says how to go on; the second run does what is left', async (signal) => {
    const made = await withStore(source, (store) =>
      Promise.all(Array.from({ length: 600 }, (_, n) => store.create({ type: 'reset', owner: `user ${n}` }))),
    );
    const { out: lines } = await runHere(['export', '--redis', source.url]);
    const run = cli.start(['import'], secretEnv());
    run.write(lines);
    await withStore(target, (store) => until(async () => (await store.client.keys('auth:k:*')).length >= 500, { within: 20_000 }));
    run.kill(signal);
    const { code, err } = await run.ended;
    expect({ code, err }).toEqual({
      code: 1,
      err: 'Interrupted. Run the same command again to go on: what is there already is left as it is.\n',
    });
    const { out } = await cli.run(['import', '--json'], { env: secretEnv(), input: lines });
    expect(JSON.parse(out)).toMatchObject({ read: 600, imported: 100, present: 500 });
    await withStore(target, async (store) => {
      for (const token of made) expect(await store.get(token)).toEqual(token);
    });
  });

  it('with 1 after Ctrl-C of an export, and leaves no half of a file', async () => {
    await fillSource(10);
    await using proxy = await FaultProxy.open(source.url);
    // what is asked for once the file was begun is under way for longer than the test takes
    void proxy.dropNextRequest(([name]) => {
      if (name?.toLowerCase() === 'scan') proxy.delay = 60_000;
      return false;
    });
    const file = join(directory, 'interrupted.ndjson');
    const run = cli.start(['export', '--file', file, '--redis', proxy.url]);
    await until(async () => proxy.delay > 0 && stat(`${file}.part`), { within: 20_000 });
    run.kill('SIGINT');
    expect(await run.ended).toEqual({ code: 1, out: '', err: 'Interrupted. No file was written. Run the same command again.\n' });
    expect((await readdir(directory)).filter((name) => name.startsWith('interrupted'))).toEqual([]);
  });

  it('with 1 and a word when its output cannot be written, without one when nobody reads on; as ever when nobody hears it', async () => {
    await withStore(source, (store) =>
      Promise.all(
        Array.from({ length: 2_000 }, (_, n) => store.create({ type: 'reset', owner: `user ${n}`, data: { text: 'x'.repeat(200) } })),
      ),
    );
    const env = { REDIS_URL: source.url };
    expect(await cli.inShell(['export'], '> /dev/full', env)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^ENOSPC.*\n$/) as unknown,
    });
    const { out, ...heard } = await cli.inShell(['export'], '| head -c 10', env);
    expect([heard, out.length]).toEqual([{ code: 1, err: '' }, 10]);
    expect(await cli.inShell(['frobnicate'], '2> /dev/full')).toMatchObject({ code: 2 });
  });
});
