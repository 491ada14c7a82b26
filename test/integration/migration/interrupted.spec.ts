import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ForeignTokenRecord, type ImportRecord, type ImportSummary, TokenMigration, toNdjson } from '../../../lib/migration/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { type StoredToken, TokenStore } from '../../../lib/tokens/index.js';
import { ask } from '../../support/ask.js';
import { expiryTimes } from '../../support/expiry-times.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { PackageProgram } from '../../support/package-program.js';
import { FaultProxy } from '../../support/proxy.js';
import { scaled } from '../../support/scale.js';
import { seededRandom } from '../../support/seeded-random.js';
import { TEST_SECRET } from '../../support/sessions.js';
import { until } from '../../support/until.js';
import { withoutTtl } from '../../support/without-ttl.js';

const OWN = 2_400;
const FOREIGN = 1_200;
const ALL = OWN + FOREIGN;
const expiresAt = Date.now() + 3_600_000;
/** A thousand calls are under way at once. */
const PATIENT = { secret: TEST_SECRET, commandTimeout: 10_000 };

const IMPORT = `
import { createReadStream } from 'node:fs';
import { fromNdjson, TokenMigration } from './lib/migration/index.js';
const { file, ...options } = JSON.parse(process.argv[2]);
const migration = new TokenMigration(options);
console.log(JSON.stringify(await migration.importTokens(fromNdjson(createReadStream(file)))));
await migration.close();
`;

const foreign: ForeignTokenRecord[] = Array.from({ length: FOREIGN }, (_, n) => ({
  kind: 'foreign-token',
  token: `foreign ${n}`,
  type: 'session',
  owner: `user ${n % 400}`,
  data: { n },
  expiresAt,
}));

let source: TestRedis;
let made: StoredToken[];
let records: ImportRecord[];
beforeAll(async () => {
  source = await startRedis();
  const options = { redis: source.url, ...PATIENT };
  const store = new TokenStore(options);
  const migration = new TokenMigration(options);
  made = await Promise.all(
    Array.from({ length: OWN }, (_, n) =>
      store.create<Record<string, unknown>>({
        type: `type ${n % 3}`,
        owner: `user ${n % 50}`,
        ttl: '1h',
        data: { n },
        ...(n % 4 === 0 && { token: `custom ${n}` }),
      }),
    ),
  );
  records = [...foreign];
  for await (const record of migration.exportTokens()) records.push(record);
  await Promise.all([store.close(), migration.close()]);
});
afterAll(() => source.stop());

/** That everything is there as it was, once, and nothing else. */
async function expectComplete(target: TestRedis): Promise<void> {
  const store = new TokenStore({ redis: target.url, ...PATIENT });
  try {
    for (const token of made) {
      const found = await store.get(token);
      expect(found).toEqual(token);
    }
    for (const { token, type, owner, data } of foreign) {
      const found = await store.get({ token, type });
      expect(found).toMatchObject({ owner, data, expiresAt: new Date(expiresAt) });
    }
    const lives = await expiryTimes(target, 'auth:[kp]:*');
    const names = [...lives.keys()];
    expect(names.filter((name) => name.startsWith('auth:k:'))).toHaveLength(ALL);
    expect(names.filter((name) => name.startsWith('auth:p:'))).toHaveLength(OWN / 4 + FOREIGN);
    const latest = Math.max(expiresAt, ...made.map((token) => token.expiresAt!.getTime()));
    expect(Math.max(...lives.values())).toBeLessThan(latest + 1_000);
    expect(Math.min(...lives.values())).toBeGreaterThan(expiresAt - 1_000);
    expect(await withoutTtl(target)).toEqual([]);
  } finally {
    await store.close();
  }
}

describe('an import that was killed', () => {
  let program: PackageProgram;
  let directory: string;
  let file: string;
  beforeAll(async () => {
    [program, directory] = await Promise.all([PackageProgram.write(IMPORT), mkdtemp(join(tmpdir(), 'import-'))]);
    file = join(directory, 'tokens.ndjson');
    const lines: string[] = [];
    for await (const line of toNdjson(records)) lines.push(line);
    await writeFile(file, lines.join(''));
  });
  afterAll(() => Promise.all([program[Symbol.asyncDispose](), rm(directory, { recursive: true })]));

  it.each([1, 2, 3].slice(0, scaled(1, 3)))(
    'at random points (seed %i) is complete when it is run again: nothing missing, nothing twice, the same lives',
    async (seed) => {
      const random = seededRandom(seed);
      await using target = await startRedis();
      // while this process stands still, so does the import, and is not done before it is killed
      await using proxy = await FaultProxy.open(target.url);
      const argument = { redis: proxy.url, ...PATIENT, file };
      let killed = 0;
      for (let keys = 0; keys < ALL / 2;) {
        const run = program.start(argument);
        const exit = once(run.child, 'exit');
        const enough = keys + 1 + Math.floor(random() * 1_500);
        await until(() => ask(target, (client) => client.dbsize()).then((size) => size >= enough), { every: 1, within: 20_000 });
        run.child.kill('SIGKILL');
        const [, signal] = (await exit) as [number | null, NodeJS.Signals | null];
        if (signal === 'SIGKILL') killed++;
        keys = await ask(target, (client) => client.dbsize());
      }
      expect(killed).toBeGreaterThan(0);
      const last = program.start(argument);
      const { imported, present, ...rest } = JSON.parse(await last.hear()) as ImportSummary;
      expect(rest).toEqual({ read: ALL, skipped: {} });
      expect(imported + present).toBe(ALL);
      expect(present).toBeGreaterThan(0);
      await expectComplete(target);
    },
  );
});

describe('an import with an unreliable Redis', () => {
  it('rejects when a reply is lost, and is complete when it is run again', async () => {
    await using target = await startRedis();
    await using proxy = await FaultProxy.open(target.url);
    for (const drop of [proxy.dropNextReply.bind(proxy), proxy.dropNextRequest.bind(proxy)]) {
      const migration = new TokenMigration({ redis: proxy.url, ...PATIENT });
      let scripts = 0;
      void drop(([name]) => name?.toLowerCase() === 'evalsha' && ++scripts === 30);
      await expect(migration.importTokens(records)).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE' });
      await migration.close();
    }
    const migration = new TokenMigration({ redis: target.url, ...PATIENT });
    expect(await migration.importTokens(records)).toMatchObject({ read: ALL, skipped: {} });
    await migration.close();
    await expectComplete(target);
  });

  it('rejects when Redis is full, and is complete when there is room and it is run again', async () => {
    await using target = await startRedis({ config: ['maxmemory-policy noeviction'] });
    const migration = new TokenMigration({ redis: target.url, ...PATIENT });
    await migration.importTokens(records.slice(0, 100));
    const used = await ask(target, (client) => client.info('memory'));
    await ask(target, (client) => client.config('SET', 'maxmemory', Number(/^used_memory:(\d+)/m.exec(used)![1]) + 200_000));
    await expect(migration.importTokens(records)).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_FULL' });
    await ask(target, (client) => client.config('SET', 'maxmemory', 0));
    expect(await migration.importTokens(records)).toMatchObject({ read: ALL, skipped: {} });
    await migration.close();
    await expectComplete(target);
  });

  it('takes no more from a quick source than a slow Redis has room for', async () => {
    await using target = await startRedis();
    await using proxy = await FaultProxy.open(target.url);
    const migration = new TokenMigration({ redis: proxy.url, secret: TEST_SECRET, keyPrefix: uniquePrefix(), commandTimeout: 20_000 });
    let taken = 0;
    let settled = 0;
    let most = 0;
    function* endless(): Generator<ForeignTokenRecord> {
      for (;;) {
        yield { kind: 'foreign-token', token: `t ${taken++}`, type: 'x', owner: `o ${taken % 9}`, expiresAt };
        most = Math.max(most, taken - settled);
      }
    }
    const enough = new AbortController();
    const onProgress = ({ imported }: ImportSummary): void => {
      settled = imported;
      proxy.delay = 40;
      if (imported >= 12_000) enough.abort(new Error('enough'));
    };
    await expect(migration.importTokens(endless(), { onProgress, signal: enough.signal })).rejects.toThrow('enough');
    await migration.close();
    // Four batches of 250 are under way, and one more is being filled.
    expect(most).toBeLessThanOrEqual(1_251);
    expect(most).toBeGreaterThan(500);
  });
});
