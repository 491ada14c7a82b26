import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RedisTokens } from 'redis-tokens';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { TokenStore } from '../../../lib/tokens/index.js';
import { runHere } from '../../support/cli-process.js';
import { TEST_SECRET } from '../../support/sessions.js';

let source: TestRedis;
let target: TestRedis;
let directory: string;
beforeAll(async () => {
  [source, target, directory] = await Promise.all([startRedis(), startRedis(), mkdtemp(join(tmpdir(), 'cli-run-'))]);
});
afterAll(() => Promise.all([source.stop(), target.stop(), rm(directory, { recursive: true })]));

describe('the tool', () => {
  it('takes over, writes, reads and counts tokens', async () => {
    const original = new RedisTokens(source.url);
    const theirs = await original.create({ app: 'shop', type: 'login', owner: 'ann', data: { n: 1 }, duration: 600 });
    original.client.disconnect();
    const here = ['--redis', target.url];
    const env = { REDIS_AUTH_SECRET: TEST_SECRET, SOURCE_REDIS_URL: source.url };
    const from = ['--from', 'redis-tokens'];
    expect(await runHere(['migrate', ...from, ...here, '--dry-run'], { env })).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^1 read, 1 would be imported, 0 were there already, none left out\.\nThis was a dry run/) as string,
    });
    expect(JSON.parse((await runHere(['migrate', ...from, ...here, '--json'], { env })).out)).toMatchObject({
      read: 1,
      imported: 1,
      dryRun: false,
    });
    const store = new TokenStore({ redis: target.url, secret: TEST_SECRET });
    expect(await store.get({ app: 'shop', type: 'login', token: theirs!.token })).toMatchObject({ owner: 'ann', data: { n: 1 } });

    const file = join(directory, 'tokens');
    expect(await runHere(['export', ...here, '--file', file], { env })).toMatchObject({ code: 0, out: '1 written, none left out.\n' });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const lines = await readFile(file, 'utf8');
    expect((await runHere(['export', ...here], { env })).out).toBe(lines);
    expect(JSON.parse((await runHere(['export', ...here, '--json'], { env })).err)).toEqual({ exported: 1, skipped: {} });

    expect((await runHere(['import', ...here, '--file', file], { env })).out).toBe(
      '1 read, 0 imported, 1 were there already, none left out.\n',
    );
    await store.deleteAll({ app: 'shop', owner: 'ann' });
    await store.close();
    const mixed = `${'not JSON\n'.repeat(25)}${lines}`;
    const imported = await runHere(['import', ...here], { env, input: mixed });
    expect(imported.out).toBe('26 read, 1 imported, 0 were there already, 25 left out: 25 malformed.\n');
    expect(imported.err).toContain('line 1 is left out: malformed');
    expect(imported.err).toContain('… and more lines');
    expect(imported.err).not.toContain('line 22 ');

    expect((await runHere(['stats', ...here])).out).toMatch(
      /tokens +1 of 1 owners\n {2}"login" of app "shop" +1 of 1 owners\nEvery key was counted/,
    );
    expect(JSON.parse((await runHere(['stats', ...here, '--json', '--sample', 'all'])).out)).toMatchObject({ exact: true });
  });

  it('writes a file in whole, or not at all', async () => {
    const busy = join(directory, 'no-file');
    await writeFile(join(directory, 'kept'), 'of before');
    const gone = ['--redis', `unix://${directory}/nobody.sock`];
    expect((await runHere(['export', ...gone, '--file', join(directory, 'kept')])).code).toBe(1);
    expect(await readFile(join(directory, 'kept'), 'utf8')).toBe('of before');
    await expect(stat(`${join(directory, 'kept')}.part`)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await runHere(['export', '--redis', target.url, '--file', directory])).toMatchObject({
      code: 2,
      err: expect.stringContaining('is not a file') as string,
    });
    expect((await runHere(['import', '--redis', target.url, '--file', busy])).code).toBe(1);
  });

  it.each([
    [[], 'nestjs-redis-auth'],
    [['nonsense'], 'nestjs-redis-auth'],
    [['stats', '--nonsense'], '--nonsense'],
    [['stats', 'redis://:secret@host'], 'there is an argument that belongs to no flag'],
    [['stats', '--redis', ''], '--redis must not be empty'],
    [['stats', '--sample', 'few'], '--sample must be a number of keys, or all'],
    [['export', '--source', 'redis://x'], '--source needs --from'],
    [['migrate'], '--from must be one of redis-tokens, redis-jwt, atxp, express-session'],
    [['migrate', '--from', 'redis-jwt', '--owner-field', 'x'], '--owner-field means nothing to redis-jwt'],
    [['migrate', '--from', 'atxp'], 'set REDIS_AUTH_SECRET or JWT_SECRET'],
  ])('says of %j what is wrong with it', async (args, what) => {
    const { code, out, err } = await runHere(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(what);
    expect(err).not.toContain('secret@');
  });

  it('says that a source cannot be read, and why', async () => {
    const nobody = ['--source', `unix://${directory}/nobody.sock`];
    for (const from of [['redis-jwt'], ['express-session', '--source-prefix', 's:', '--owner-field', 'user']]) {
      const { code, err } = await runHere(['migrate', '--redis', target.url, ...nobody, '--from', ...from]);
      expect(code).toBe(1);
      expect(err).toContain('the source cannot be read: ');
    }
  });

  it.each([['--help'], ['help'], ['stats', '--help'], ['export', '-h']])('helps: %s %s', async (...args) => {
    const { code, out, err } = await runHere(args);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('nestjs-redis-auth');
  });
});
