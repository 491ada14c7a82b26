import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkServers } from '../../../lib/audit/audit.js';
import { resolveOptions } from '../../../lib/options/index.js';
import { ACL_FEATURES, type AclFeature, aclRules, grantsFor } from '../../../lib/privileges/index.js';
import { FEATURES } from '../../../lib/privileges/features.js';
import { type Privileges, type Script, scriptsIn } from '../../../lib/redis/index.js';
import { ask } from '../../support/ask.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { ConnectionUnderTest, PATIENT } from '../../support/open-connection.js';
import { allow, refused, type Setup, standalone } from '../../support/privileges/setups.js';
import { tryFeature } from '../../support/privileges/trial.js';
import { testOptions } from '../../support/sessions.js';

const lib = join(import.meta.dirname, '../../../lib');
const sources = readdirSync(lib, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, text: readFileSync(join(lib, name), 'utf8') }));

describe('what is granted', () => {
  it('is read from scripts that name what they call, where they call it', () => {
    const calls = sources.flatMap(({ text }) => [...text.matchAll(/\bredis\.p?call\b.{0,20}/g)].map(([call]) => call));
    expect(calls.length).toBeGreaterThan(200);
    expect(calls.filter((call) => !/^redis\.p?call\('[A-Z]+'/.test(call))).toEqual([]);
    const containers = /'(ACL|CLIENT|CLUSTER|CONFIG|FUNCTION|LATENCY|MEMORY|MODULE|OBJECT|PUBSUB|SCRIPT|XGROUP|XINFO)'/;
    expect(calls.filter((call) => containers.test(call))).toEqual([]);
  });

  it('covers every script that there is', async () => {
    const known = new Set<Script>(
      Object.values(FEATURES)
        .flat()
        .flatMap((part: Privileges) => part.scripts ?? []),
    );
    const files = sources.filter(({ text }) => /new Script\b|\b(evenWhenFull|onlyWithRoom|readOnly)\b.*\(/.test(text));
    const found = await Promise.all(
      files.map(async ({ name }) =>
        scriptsIn((await import(join(lib, name.replace(/\.ts$/, '.js')))) as object).map((script) => ({ name, script })),
      ),
    );
    expect(found.flat().length).toBeGreaterThan(60);
    expect(found.flat().flatMap(({ name, script }) => (known.has(script) ? [] : [name]))).toEqual([]);
  });

  it('is of one feature or another, and of nothing else', () => {
    expect(() => aclRules({ features: ['sesions' as AclFeature] })).toThrow(/features must be some of sessions/);
  });

  it('holds for a prefix of any characters, each by itself but for those that a rule cannot hold', async () => {
    await using setup = await standalone();
    const [server] = setup.servers as [(typeof setup.servers)[0]];
    const keyPrefix = 'a b\'"[x]*?\\:';
    const rules = aclRules({ features: ['rate-limit'], keyPrefix }).split(' ');
    await ask(server, (client) => client.call('ACL', 'SETUSER', 'app', 'on', '>x', ...rules));
    const may = (key: string): Promise<unknown> => ask(server, (client) => client.call('ACL', 'DRYRUN', 'app', 'DEL', key));
    expect(await may(`${keyPrefix}b:{x}`)).toBe('OK');
    for (const other of ['a b\'"x*?\\:', 'a b\'"[x]more?\\:', 'a b\'"[x]*!\\:']) expect(await may(`${other}b:{x}`)).not.toBe('OK');
  });
});

/** What only a feature of its own prefix can be tried with: it counts all there is, or takes it along. */
const APART: readonly AclFeature[] = ['statistics', 'migration', 'migration-source', 'audit'];

/** Of what letter keys are that two features share, where they do. */
const SHARED: readonly (readonly [AclFeature, AclFeature, letters: string])[] = [
  ['sessions', 'tokens', 'r'],
  ['sessions', 'rate-limit', 'r'],
  ['tokens', 'rate-limit', 'r'],
  ['rate-limit', 'throttler', 'b'],
  // what needs another feature is granted that, too
  ['sessions', 'expiry-notices', 'surtfx'],
  ['expiry-notices', 'tokens', 'r'],
  ['expiry-notices', 'rate-limit', 'r'],
  ['locks', 'lock-replicas', 'wqf'],
];

const DANGEROUS = [
  ['KEYS', '*'],
  ['FLUSHALL'],
  ['FLUSHDB'],
  ['SCRIPT', 'FLUSH'],
  ['CONFIG', 'SET', 'maxmemory', '1'],
  ['ACL', 'LIST'],
  ['CLIENT', 'KILL', 'TYPE', 'normal'],
  ['SHUTDOWN'],
  ['MONITOR'],
  ['SWAPDB', '0', '1'],
  ['RESTORE', 'x', '0', 'x'],
  ['MIGRATE', 'h', '1', 'k', '0', '1'],
  ['REPLICAOF', 'NO', 'ONE'],
];

describe('who may do only what a feature needs', () => {
  let setup: Setup;
  const keyPrefix = uniquePrefix();
  const users = new Map<AclFeature, string>();
  const keys = new Map<AclFeature, string[]>();
  const allKeys = (): Promise<string[]> => ask(setup.servers[0]!, (client) => client.keys('*'));
  beforeAll(async () => {
    setup = await standalone();
  });
  afterAll(() => setup?.[Symbol.asyncDispose]());

  it.each(ACL_FEATURES)('can do all of it, and is refused nothing: %s', async (feature) => {
    const before = new Set(await allKeys());
    const { user, error } = await tryFeature(feature, setup, APART.includes(feature) ? {} : { keyPrefix });
    expect(error).toBeUndefined();
    // by that the audit sees that keys of others are none of ours
    expect(await refused(user, setup.servers)).toEqual(feature === 'audit' ? ['command exists'] : []);
    if (APART.includes(feature)) return;
    users.set(feature, user);
    keys.set(
      feature,
      (await allKeys()).filter((key) => !before.has(key)),
    );
  });

  it('cannot touch a key of another feature, nor one that is not ours', async () => {
    expect([...keys.values()].flat().length).toBeGreaterThan(30);
    const strangers = ['other', `x${keyPrefix}s:{aaaaaa}x`, `${keyPrefix}admin:s:{aaaaaa}x`, `${keyPrefix}s`, `${keyPrefix}y:{aaaaaa}x`];
    for (const [feature, user] of users) {
      expect({ feature, touched: await touchable(user, strangers) }).toEqual({ feature, touched: [] });
      for (const [other, names] of keys) {
        const touched = await touchable(user, names);
        if (other === feature) expect(touched).toEqual(names);
        const letters = SHARED.find((pair) => pair.includes(feature) && pair.includes(other))?.[2] ?? '';
        const shared = names.filter((name) => name.startsWith(keyPrefix) && letters.includes(name[keyPrefix.length]!));
        if (other !== feature)
          expect({ feature, other, touched: touched.filter((name) => !shared.includes(name)) }).toEqual({ feature, other, touched: [] });
      }
    }
  });

  it('has no rights that the audit finds too broad, whatever is used', async () => {
    await allow('all', grantsFor({ features: ACL_FEATURES, keyPrefix }), setup.servers);
    await using connection = await ConnectionUnderTest.open(setup.as('all'), PATIENT);
    const options = resolveOptions(testOptions({ redis: setup.as('all'), keyPrefix }));
    const codes = (await checkServers(connection, options, {})).flatMap((outcome) => ('severity' in outcome ? [outcome.code] : []));
    expect(codes).toContain('no-persistence');
    expect(codes.filter((code) => /acl|user/.test(code))).toEqual([]);
  });

  it('cannot listen to what is not its own, and cannot do what is dangerous', async () => {
    for (const [feature, user] of users) {
      await as(user, async (client) => {
        for (const [name, ...args] of DANGEROUS as [string, ...string[]][]) {
          if (feature === 'expiry-notices' && name === 'CONFIG') continue;
          await expect(client.call(name, ...args), `${feature} ${name}`).rejects.toThrow(/NOPERM/);
        }
        await expect(client.psubscribe('*'), feature).rejects.toThrow(/NOPERM/);
        await expect(client.subscribe('other:events'), feature).rejects.toThrow(/NOPERM/);
        await expect(client.select(1), feature).rejects.toThrow(/NOPERM/);
      });
    }
  });

  /** Which of these a user may use in a script, whose keys are looked at before it runs. */
  function touchable(user: string, names: readonly string[]): Promise<string[]> {
    return as(user, async (client) => {
      const replies = (await client.pipeline(names.map((name) => ['eval', 'return 1', '1', name])).exec())!;
      for (const [error] of replies) if (error !== null) expect(error.message).toMatch(/^NOPERM .*keys/);
      return names.filter((_, n) => replies[n]![0] === null);
    });
  }

  const clients = new Map<string, Redis>();
  afterAll(() => clients.forEach((client) => client.disconnect()));

  async function as<T>(user: string, ask: (client: Redis) => Promise<T>): Promise<T> {
    const known = clients.get(user);
    if (known !== undefined) return ask(known);
    const client = new Redis({ ...(setup.as(user) as object), enableReadyCheck: false });
    clients.set(user, client);
    return ask(client);
  }
});
