import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ACL_FEATURES, aclRules, grantsFor } from '../../lib/privileges/index.js';
import { startRedis } from '../../lib/testing/index.js';
import { ask } from '../support/ask.js';
import { runHere } from '../support/cli-process.js';

const document = readFileSync(join(import.meta.dirname, '../../docs/least-privilege.md'), 'utf8');

async function acl(...args: string[]): Promise<string> {
  const { out, err } = await runHere(['acl', ...args]);
  return out + err;
}

describe('docs/least-privilege.md', () => {
  it('shows the line that is generated for the usual features', async () => {
    const [, line] = (await acl()).split('\n');
    expect(document).toContain(`\n${line}\n`);
  });

  it('shows the line for Sentinels', async () => {
    const line = (await acl('--sentinel')).split('\n').findLast((text) => text.startsWith('ACL SETUSER'));
    expect(document).toContain(`\n${line}\n`);
  });

  it.each(ACL_FEATURES)('shows the rules that are generated for %s', (feature) => {
    expect(document).toContain(`\n**${feature}**`);
    expect(document).toContain(`\n\`\`\`\n${aclRules({ features: [feature] })}\n\`\`\`\n`);
  });

  it('shows what a Cluster needs besides', () => {
    const more = ACL_FEATURES.flatMap((feature) => {
      const alone = grantsFor({ features: [feature] }).commands;
      const own = grantsFor({ features: [feature], cluster: true }).commands.filter((name) => !alone.includes(name));
      const ofAll = feature === 'statistics' ? [] : ['cluster|info', 'cluster|slots'];
      return own.filter((name) => !ofAll.includes(name)).map((name) => `${feature} \`+${name}\``);
    });
    for (const words of more.filter((text) => !text.includes('statistics `+cluster|info') && !text.includes('statistics `+cluster|slots')))
      expect(document).toContain(words);
    expect(document).toContain('`+cluster|info +cluster|slots`');
  });
});

describe('nestjs-redis-auth acl', () => {
  it('prints a line that Redis takes once it has a password, as a command and in a file, and not before', async () => {
    const text = await acl('--features', 'all', '--prefix', 'shop:', '--user', 'shop', '--db', '2', '--keys', 'reports:*');
    const [, setUser, , , file] = text.split('\n') as [string, string, string, string, string];
    const hash = '#5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8';
    const words = (line: string): string[] => line.replace(/#SHA-256\S+/, hash).split(' ');
    await using server = await startRedis();
    const send = (line: string[]): Promise<unknown> => ask(server, (client) => client.call(line[0]!, ...line.slice(1)));
    await expect(send(setUser.split(' '))).rejects.toThrow(/must be exactly 64 characters/);
    await send(words(setUser));
    await using another = await startRedis({ config: [words(file).join(' ')] });
    const rulesOn = async (redis: typeof server): Promise<string> =>
      ((await ask(redis, (client) => client.call('ACL', 'LIST'))) as string[]).find((line) => line.startsWith('user shop '))!;
    const sorted = (line: string): string[] => line.split(' ').sort();
    expect(sorted(await rulesOn(another))).toEqual(sorted(await rulesOn(server)));
    expect(await rulesOn(server)).toMatch(/~shop:s:\{\* .*~reports:\*.*&shop:events:2 .*\+select/);
    // a second time it is just that again, whatever the user was granted meanwhile
    await send(['ACL', 'SETUSER', 'shop', '+@all', 'nopass']);
    await send(words(setUser));
    expect(sorted(await rulesOn(server))).toEqual(sorted(await rulesOn(another)));
  });

  it('prints the same as JSON', async () => {
    const json = JSON.parse(await acl('--features', 'locks', '--cluster', '--json')) as Record<string, unknown>;
    expect(json).toMatchObject({ user: 'app', keys: ['auth:w:{*', 'auth:q:{*', 'auth:f:{[0-9]*'], channels: ['auth:w:*'] });
    expect(json['commands']).toEqual(grantsFor({ features: ['locks'], cluster: true }).commands);
    expect(json['setUser']).toContain(aclRules({ features: ['locks'], cluster: true }));
  });

  it.each([
    [['--features', 'sessions,nothing'], 'must be some of'],
    [['--db', '1', '--cluster'], 'only the database 0'],
    [['--cluster', '--sentinel'], 'not both'],
    [['--user', 'a b'], 'without spaces'],
    [['--db', 'x'], 'must be a number'],
  ])('refuses %j', async (args, message) => {
    expect(await acl(...args)).toContain(message);
  });
});
