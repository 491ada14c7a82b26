import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { StoreStatistics, TokenMigration, TokenStore } from 'nestjs-redis-auth';
import { startRedis } from 'nestjs-redis-auth/testing';
import { Redis } from 'ioredis';

/** What became of an import by the command-line tool that was killed time and again, and run once more. */
export interface KilledImport {
  tokens: number;
  kills: number;
  /** Live tokens in the end: neither fewer nor more than there were. */
  found: number;
  /** By how much the life of a token differed at most, of those looked at (ms). */
  farthestMs: number;
}

const OWNERS = 1000;
const KILLS = 3;
const LOOKED_AT = 10_000;
const TOOL = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

export async function measureKilledImport(tokens = 1_000_000): Promise<KilledImport> {
  const directory = await mkdtemp(join(tmpdir(), 'import-'));
  const file = join(directory, 'tokens.ndjson');
  await using redis = await startRedis({ port: 'tcp' });
  try {
    const expiries = await writeTokens(file, tokens);
    for (let kill = 0; kill < KILLS; kill++) {
      const tool = runImport(file, redis.url);
      await setTimeout(2_000 + Math.random() * 8_000);
      tool.process.kill('SIGKILL');
      await tool.ended;
    }
    const [code] = await runImport(file, redis.url).ended;
    if (code !== 0) throw new Error(`the import ended with ${code}`);
    const statistics = new StoreStatistics({ redis: redis.url });
    const { tokens: found } = await statistics.statistics({ sample: Infinity });
    await statistics.close();
    return { tokens, kills: KILLS, found: found.estimate, farthestMs: await farthest(redis.url, expiries) };
  } finally {
    await rm(directory, { recursive: true });
  }
}

function runImport(file: string, url: string) {
  const tool = spawn(process.execPath, [TOOL, 'import', '--file', file, '--json'], {
    env: { ...process.env, REDIS_URL: url },
    stdio: 'ignore',
  });
  return { process: tool, ended: once(tool, 'exit') as Promise<[code: number | null]> };
}

/** Tokens of as many owners as real ones are made for, with lives that all differ; returns those of some. */
async function writeTokens(file: string, count: number): Promise<Map<string, number>> {
  await using redis = await startRedis();
  const store = new TokenStore({ redis: redis.url });
  for (let n = 0; n < OWNERS; n++) await store.create({ type: 'machine', owner: `owner-${n}`, ttl: '30 days' });
  const templates: object[] = [];
  const migration = new TokenMigration({ redis: redis.url });
  for await (const record of migration.exportTokens()) templates.push(record);
  await Promise.all([store.close(), migration.close()]);
  const looked = new Map<string, number>();
  const end = Date.now() + 86_400_000;
  await pipeline(function* () {
    for (let n = 0; n < count; n++) {
      const template = templates[n % OWNERS] as { id: string };
      const id = template.id.slice(0, 6) + randomBytes(16).toString('base64url');
      const expiresAt = end + n;
      if (n % Math.max(1, Math.floor(count / LOOKED_AT)) === 0) looked.set(id, expiresAt);
      yield `${JSON.stringify({ ...template, id, expiresAt })}\n`;
    }
  }, createWriteStream(file));
  return looked;
}

async function farthest(url: string, expiries: ReadonlyMap<string, number>): Promise<number> {
  const raw = new Redis(url);
  const difference = await Promise.all(
    Array.from(expiries, async ([id, expiresAt]) =>
      Math.abs((await raw.pexpiretime(`auth:k:{${id.slice(0, 6)}}${id.slice(6)}`)) - expiresAt),
    ),
  );
  raw.disconnect();
  return Math.max(...difference);
}
