import { randomBytes } from 'node:crypto';
import { fromNdjson, type ImportRecord, TokenMigration, type TokenRecord, TokenStore } from 'nestjs-redis-auth';
import { startRedis } from 'nestjs-redis-auth/testing';
import { inParallel } from './bench-server.js';

/** An import out of NDJSON text, which costs nothing to make. */
export interface ImportMeasure {
  name: string;
  tokens: number;
  owners: number;
  perSecond: number;
  /** Bytes by which the process was larger at its largest than before. */
  rssGrowth: number;
}

const OWNERS = 1000;
const RSS_EVERY_MS = 20;
const LINES_AT_ONCE = 200;

/** Of tokens of this package, and of those that another system stored in the clear, which need a pointer each. */
export async function measureImports(tokens = 1_000_000): Promise<ImportMeasure[]> {
  const templates = await tokensOfOwners();
  const own = (n: number): ImportRecord => {
    const template = templates[n % OWNERS]!;
    return { ...template, id: template.id.slice(0, 6) + randomBytes(16).toString('base64url') };
  };
  const foreign = (n: number): ImportRecord => {
    const { app, type, owner, data, expiresAt } = templates[n % OWNERS]!;
    return { kind: 'foreign-token', token: randomBytes(32).toString('hex'), app, type, owner, data, expiresAt };
  };
  return [
    await measureImport('of this package', tokens, own),
    await measureImport('stored in the clear by another system', tokens, foreign),
  ];
}

async function measureImport(name: string, tokens: number, record: (n: number) => ImportRecord): Promise<ImportMeasure> {
  await using redis = await startRedis({ port: 'tcp' });
  const migration = new TokenMigration({ redis: redis.url, commandTimeout: 10_000, secret: randomBytes(32) });
  // What is there once is there before the first reading.
  await migration.importTokens(fromNdjson(linesOf(5_000, (n) => record(tokens + n))));
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  let largest = before;
  const watch = setInterval(() => (largest = Math.max(largest, process.memoryUsage.rss())), RSS_EVERY_MS);
  const start = performance.now();
  const { imported } = await migration.importTokens(fromNdjson(linesOf(tokens, record)));
  const seconds = (performance.now() - start) / 1000;
  clearInterval(watch);
  await migration.close();
  if (imported !== tokens) throw new Error(`${imported} of ${tokens} were imported`);
  return { name, tokens, owners: OWNERS, perSecond: tokens / seconds, rssGrowth: largest - before };
}

async function* linesOf(count: number, record: (n: number) => ImportRecord): AsyncGenerator<string, void> {
  for (let n = 0; n < count; n += LINES_AT_ONCE) {
    yield Array.from({ length: Math.min(LINES_AT_ONCE, count - n) }, (_, line) => `${JSON.stringify(record(n + line))}\n`).join('');
  }
}

/** One of each of 1,000 owners. */
async function tokensOfOwners(): Promise<TokenRecord[]> {
  await using redis = await startRedis({ port: 'tcp' });
  const store = new TokenStore({ redis: redis.url });
  const migration = new TokenMigration({ redis: redis.url });
  await inParallel(OWNERS, (n) => store.create({ type: 'api-key', owner: `user-${n}`, data: { name: `key ${n}`, scopes: ['read'] } }));
  const records: TokenRecord[] = [];
  for await (const record of migration.exportTokens()) records.push(record);
  await Promise.all([store.close(), migration.close()]);
  return records;
}
