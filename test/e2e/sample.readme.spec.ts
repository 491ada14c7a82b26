import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { client } from '../../sample/client.js';
import { playStory } from '../../sample/story.js';
import { type AclOptions, aclRules } from '../../lib/privileges/index.js';
import { startRedis } from '../../lib/testing/index.js';
import { ask } from '../support/ask.js';
import { EventsHeard } from '../support/session-outcomes.js';
import { openSessions } from '../support/sessions.js';
import { until } from '../support/until.js';
import { withoutTtl } from '../support/without-ttl.js';
import { SampleInstances } from './sample.instances.js';

const run = promisify(execFile);
const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');

/** The flags of curl that the README uses, for machines that have none. */
const STAND_IN = `#!${process.execPath}
const [headers, rest] = [{}, process.argv.slice(2)];
let method, body, url, end = '';
for (let flag; (flag = rest.shift()); ) {
  if (flag === '-s') continue;
  else if (flag === '-sw') end = rest.shift().replaceAll('\\\\n', '\\n');
  else if (flag === '-X') method = rest.shift();
  else if (flag === '-d') body = rest.shift();
  else if (flag === '-H') { const [name, ...value] = rest.shift().split(':'); headers[name] = value.join(':').trim(); }
  else if (flag.startsWith('-')) throw new Error('unknown flag ' + flag);
  else url = flag;
}
fetch(url, { method: method ?? (body === undefined ? 'GET' : 'POST'), headers, body })
  .then((response) => response.text()).then((text) => process.stdout.write(text + end));
`;

/** The first fenced block after a heading or sentence, without its fence. */
function blockAfter(text: string): string {
  const block = /^```\w*\n(.*?)^```/ms.exec(readme.slice(readme.indexOf(text)))?.[1];
  if (!readme.includes(text) || block === undefined) throw new Error(`README.md has no block after "${text}"`);
  return block;
}

// Its passwords are hashed as slowly as they should be.
describe('README: Try it with curl', { timeout: 180_000 }, () => {
  const installed = (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, 'curl'));
  it.each(['curl of this machine, if any', 'a stand-in'])('plays with %s', async (which) => {
    const directory = await mkdtemp(join(tmpdir(), 'curl-'));
    try {
      await using sample = await SampleInstances.onPrivateRedis();
      const [a, b] = [await sample.start('A'), await sample.start('B')];
      const script = blockAfter('## Try it with curl').replace('http://localhost:3000', a).replace('http://localhost:3001', b);
      const none = (
        await Promise.all(
          installed.map((path) =>
            readFile(path).then(
              () => true,
              () => false,
            ),
          ),
        )
      ).every((found) => !found);
      if (which === 'a stand-in' || none) {
        await writeFile(join(directory, 'curl'), STAND_IN);
        await chmod(join(directory, 'curl'), 0o755);
      }
      const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script], {
        env: { ...process.env, PATH: directory + delimiter + process.env.PATH },
      });
      expect(
        stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown),
      ).toEqual([
        expect.objectContaining({ userId: 'user-2', name: 'Grace Hopper' }),
        [expect.objectContaining({ device: expect.objectContaining({ name: 'curl' }), current: true })],
        { for: 'user-2', by: 'backup' },
        { ended: 0 },
        { loggedOut: true },
        expect.objectContaining({ statusCode: 401, reason: 'revoked' }),
        { ended: 0 },
        expect.objectContaining({ redis: expect.any(String) }),
      ]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe('README: What is in Redis', { timeout: 180_000 }, () => {
  const user = (options?: AclOptions): string => `app on >password ${aclRules(options)}`;

  it('the ACL user that the tool prints suffices for everything the sample does', async () => {
    await using sample = await SampleInstances.onPrivateRedis({
      port: 'tcp',
      users: [user()],
      urlOf: ({ port }) => `redis://app:password@127.0.0.1:${port}`,
    });
    const lines: string[] = [];
    expect(await playStory(await sample.start('A'), await sample.start('B'), (line) => lines.push(line)), lines.join('\n')).toBe(true);
  });

  it('so it does with keyspaceNotifications', async () => {
    await using redis = await startRedis({ users: [user({ features: ['sessions', 'expiry-notices'] })] });
    await using app = await openSessions({
      redis: `redis://app:password@127.0.0.1:${redis.port}`,
      keyPrefix: 'auth:',
      sessions: { keyspaceNotifications: true, idleTimeout: '1s' },
    });
    using heard = await EventsHeard.of(app.sessions);
    await until(() => ask(redis, (client) => client.pubsub('NUMPAT')), { what: 'expiries are heard' });
    await app.sessions.create('grace');
    // Nobody looks at the session: only the notification can tell.
    const events = await until(async () => {
      const told = await heard.untilNow();
      return told.length > 1 && told;
    });
    expect(events.map(({ type }) => type)).toEqual(['created', 'expired']);
  });

  it('names every key, and each has a TTL', async () => {
    await using sample = await SampleInstances.onPrivateRedis();
    const [a, b] = [await sample.start('A'), await sample.start('B')];
    await playStory(a, b, () => undefined);
    await client(a).post('/auth/login', { username: 'grace', password: 'nanosecond-wire' });
    const keys = await ask(sample.redis, (admin) => admin.keys('*'));
    const named = [...readme.matchAll(/^\| `auth:(\w):/gm)].map((row) => row[1]);
    expect(keys.map((key) => /^auth:(\w):\{/.exec(key)?.[1]).filter((kind) => !named.includes(kind))).toEqual([]);
    expect(keys.length).toBeGreaterThan(1);
    expect(await withoutTtl(sample.redis)).toEqual([]);
  });
});

describe('README: Options', () => {
  it('tells the defaults that the module has', async () => {
    const { parseDuration, resolveOptions } = await import('../../lib/options/index.js');
    const { sessions, jwt, commandTimeoutMs, keyPrefix, guard, audit, httpErrors } = resolveOptions({
      jwt: { secret: 'k3J-9sWq_Zr8vB1xN6mT4yLp0cHd7fGa', issuer: 'i', audience: 'a' },
    });
    const told = (option: string) => new RegExp(`^\\| \`${option}\`[^|]*\\| +\`'?([^'\`]*)'?\` +\\|`, 'm').exec(readme)?.[1] ?? '';
    for (const name of ['accessTokenTtl', 'idleTimeout', 'absoluteTimeout', 'refreshLeeway', 'touchInterval'] as const) {
      expect(parseDuration(told(`sessions.${name}`)), name).toBe(sessions[`${name}Ms`]);
    }
    expect(parseDuration(told('jwt.clockTolerance'))).toBe(jwt.clockToleranceMs);
    expect(told('sessions.revocation')).toBe(sessions.revocation);
    expect(told('commandTimeout')).toBe(String(commandTimeoutMs));
    expect(told('keyPrefix')).toBe(keyPrefix);
    expect(told('guard.cookie.name')).toBe(guard.cookieName);
    expect(told('audit')).toBe(audit);
    expect(told('httpErrors')).toBe(String(httpErrors));
  });
});

describe('README: links', () => {
  it('lead to files and headings that exist', () => {
    const targets = [...readme.matchAll(/\]\(([^)]+)\)/g)].map((link) => link[1] ?? '').filter((target) => !target.startsWith('http'));
    const headings = [...readme.matchAll(/^#+ (.*)$/gm)].map((heading) => `#${heading[1]?.toLowerCase().replaceAll(' ', '-')}`);
    const lost = targets.filter((target) =>
      target.startsWith('#') ? !headings.includes(target) : !existsSync(new URL(`../../${target}`, import.meta.url)),
    );
    expect(targets.length).toBeGreaterThan(3);
    expect(lost).toEqual([]);
  });
});
