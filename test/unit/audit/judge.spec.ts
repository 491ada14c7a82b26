import { describe, expect, it } from 'vitest';
import { judge } from '../../../lib/audit/audit.js';
import { parseInfo, type ServerFacts } from '../../../lib/audit/facts.js';
import { type AuditFinding, reportOf } from '../../../lib/audit/index.js';
import { resolveOptions } from '../../../lib/options/index.js';
import { testOptions } from '../../support/sessions.js';

const PASSWORD = 'p4ss-w0rd-of-the-test';
const options = resolveOptions(testOptions({ redis: `rediss://:${PASSWORD}@cache.example.com:6379`, locks: { minReplicas: 1 } }));

/** What the INFO of a service that runs Redis for others has in common. */
const INFO = `# Server
redis_version:7.1.0
redis_mode:standalone
os:Amazon ElastiCache

# Memory
used_memory:104857600
used_memory_human:100.00M
maxmemory:436469760
maxmemory_policy:noeviction

# Persistence
aof_enabled:0
rdb_last_bgsave_status:ok

# Replication
role:master
connected_slaves:2
slave0:ip=10.0.0.2,port=6379,state=online,offset=1,lag=0
slave1:ip=10.0.0.3,port=6379,state=online,offset=1,lag=1

# Keyspace
db0:keys=12,expires=12,avg_ttl=0
`.replaceAll('\n', '\r\n');

function managed(info = INFO, facts: Partial<ServerFacts> = {}): ServerFacts {
  return {
    address: 'cache.example.com:6379',
    isLocal: false,
    isTls: true,
    database: 0,
    isManaged: true,
    userName: 'default',
    mayUseForeignKeys: true,
    info: parseInfo(info),
    clock: { aheadMs: 3, uncertaintyMs: 1 },
    ...facts,
  };
}

const without = (...fields: string[]): string =>
  INFO.split('\r\n')
    .filter((line) => !fields.some((field) => line.startsWith(field)))
    .join('\r\n');

function judged(facts: ServerFacts | ServerFacts[], given = options) {
  const { findings, unknown } = reportOf(judge([facts].flat(), given));
  return { findings: findings.map(({ code, severity }) => `${severity} ${code}`), unknown: unknown.map(({ code }) => code) };
}

describe('a Redis that somebody else runs', () => {
  it.each<[string, ServerFacts]>([
    ['as ElastiCache tells of itself', managed()],
    ['that tells the number of its replicas alone, as Memorystore', managed(without('slave0', 'slave1', 'os'))],
    ['whose user has GETUSER, and every right that is left', managed(INFO, { user: { flags: ['on'], commands: [['+@all']] } })],
    ['with `role` and no more of replication than that', managed(INFO.replace('redis_version:7.1.0', 'redis_version:7.2.4'))],
  ])('gives no false alarm: %s', (_name, facts) => {
    expect(judged(facts)).toEqual({ findings: [], unknown: ['no-persistence'] });
  });

  it('that keeps parts of INFO to itself leaves those checks unknown', () => {
    const bare = managed(without('maxmemory', 'used_memory', 'connected_slaves', 'slave'));
    expect(judged(bare)).toEqual({
      findings: [],
      unknown: ['eviction-policy', 'no-persistence', 'few-replicas', 'memory-headroom'],
    });
    const { info: _info, clock: _clock, ...mute } = managed();
    expect(judged(mute).findings).toEqual([]);
  });

  it('is told of what is wrong all the same', () => {
    const wrong = INFO.replace('noeviction', 'volatile-lru').replace('used_memory:104857600', 'used_memory:426469760');
    expect(judged(managed(wrong.replaceAll('state=online', 'state=wait_bgsave'))).findings).toEqual([
      'error eviction-policy',
      'error few-replicas',
      'warning memory-headroom',
    ]);
    expect(judged(managed(INFO, { isTls: false })).findings).toEqual(['error plaintext']);
  });
});

describe('what is judged', () => {
  it('of several masters is told once, with those that it is true of', () => {
    const masters = ['a:1', 'b:1', 'c:1'].map((address, n) =>
      managed(n === 1 ? INFO : INFO.replace('noeviction', 'allkeys-lfu'), { address }),
    );
    const { findings } = reportOf(judge(masters, options));
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ code: 'eviction-policy', message: expect.stringMatching(/\(at a:1, c:1\)$/) as string });
  });

  it.each<[string[][], boolean]>([
    [[['-@all', '+@read', '+@write', '-@dangerous', '+info']], false],
    [[['+@all', '-@dangerous']], false],
    [[['-@all', '+config|get', '+config|set']], false],
    [[['+@all']], true],
    [[['allcommands', '-flushall']], true],
    [[['-@dangerous', '+@admin']], true],
    [[['-@all', '+get'], ['+@all']], true],
    [[['+@all', '-@all', '+get'], ['-@all']], false],
  ])('rules about commands %j: over-broad %s', (commands, isBroad) => {
    const facts = managed(INFO, { isManaged: false, userName: 'app', mayUseForeignKeys: false, user: { flags: [], commands } });
    expect(judged(facts).findings).toEqual(isBroad ? ['warning broad-acl'] : []);
  });

  it.each([
    [6_000, 500, true],
    [-6_000, 500, true],
    [5_400, 500, false],
    [-4_000, 0, false],
    [60_000, 58_000, false],
  ])('a clock %d ms ahead, give or take %d: told %s', (aheadMs, uncertaintyMs, told) => {
    expect(judged(managed(INFO, { clock: { aheadMs, uncertaintyMs } })).findings).toEqual(told ? ['warning clock-difference'] : []);
  });

  it('never has a secret among its words', () => {
    const weak = resolveOptions(testOptions({ redis: 'redis://:hunter2@cache.example.com' }));
    const findings: AuditFinding[] = [...reportOf(judge([managed(INFO, { isTls: false })], weak)).findings];
    expect(findings.map(({ code }) => code)).toContain('weak-redis-password');
    expect(JSON.stringify(findings)).not.toContain('hunter2');
  });
});
