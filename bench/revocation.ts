import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis } from 'nestjs-redis-auth/testing';
import { accessTokens, inParallel, type Instance, NAMES, openInstance } from './bench-server.js';
import { type Child, startChild } from './child.js';
import type { RevocationListener } from './revocation-listener.js';
import { percentile } from './statistics.js';

/** How soon another process refuses what was revoked, and what knowing it takes. */
export interface RevocationCosts {
  revocations: number;
  /** Tokens that it verified a second meanwhile. */
  perSecond: number;
  /** From the acknowledgement to the refusal; of those refused before it, 0. */
  delayMs: Percentiles;
  /** The same less what its event loop was late meanwhile. */
  beyondLoopMs: Percentiles;
  /** Share that was refused before it was acknowledged. */
  before: number;
  /** Bytes of the heap. */
  replica: { held: number; bytes: number };
  verified: { held: number; bytes: number };
}

export interface Percentiles {
  p50: number;
  p99: number;
  max: number;
}

const REVOCATIONS = 1_000;
const TOKENS = 10_000;
const HELD = 100_000;
/** As many as are remembered at most. */
const REMEMBERED = 32_768;
const PAGE = 4_096;

export async function measureRevocation(): Promise<RevocationCosts> {
  const secret = randomBytes(32).toString('hex');
  await using redis = await startRedis({ port: 'tcp' });
  await using here = await openInstance(redis.url, { jwt: { secret, ...NAMES }, sessions: { accessTokenTtl: '2h' } });
  const listening = (): Promise<Child<RevocationListener>> => startChild('revocation-listener.js', [redis.url, secret]);
  return {
    revocations: REVOCATIONS,
    ...(await measureDelay(here, listening)),
    verified: await measureVerified(here, listening),
    replica: await measureReplica(here, listening),
  };
}

async function measureDelay({ sessions }: Instance, listening: () => Promise<Child<RevocationListener>>) {
  await using there = await listening();
  await there.ask('begin', await accessTokens({ sessions }, TOKENS));
  await sleep(1_000);
  await there.ask('rate');
  const delays: number[] = [];
  const beyond: number[] = [];
  for (let n = 0; n < REVOCATIONS; n++) {
    const { sessionId, accessToken } = await sessions.create(`watched-${n}`);
    await there.ask('watch', accessToken);
    await sleep(Math.random() * 10);
    await sessions.revoke(sessionId);
    const acknowledged = process.hrtime.bigint();
    const { at, lagMs } = await there.ask('refused');
    const delay = Number(BigInt(at) - acknowledged) / 1e6;
    delays.push(delay);
    beyond.push(Math.max(0, delay - lagMs));
  }
  return {
    perSecond: await there.ask('rate'),
    delayMs: percentiles(delays.map((delay) => Math.max(0, delay))),
    beyondLoopMs: percentiles(beyond),
    before: delays.filter((delay) => delay <= 0).length / delays.length,
  };
}

async function measureReplica(
  { sessions }: Instance,
  listening: () => Promise<Child<RevocationListener>>,
): Promise<{ held: number; bytes: number }> {
  await using there = await listening();
  const round = async (count: number): Promise<void> => {
    const ids: string[] = [];
    await inParallel(count, async (n) => {
      ids[n] = (await sessions.create(`ended-${n}`)).sessionId;
    });
    await inParallel(count, (n) => sessions.revoke(ids[n]!), 256);
    await sleep(1_000);
  };
  // what there is once, is there
  await round(100);
  const before = await there.ask('heap');
  await round(HELD);
  return { held: HELD, bytes: (await there.ask('heap')) - before };
}

async function measureVerified(
  { sessions }: Instance,
  listening: () => Promise<Child<RevocationListener>>,
): Promise<{ held: number; bytes: number }> {
  await using there = await listening();
  const tokens = await accessTokens({ sessions }, REMEMBERED);
  await there.ask('verifyEach', tokens.slice(0, 1));
  const before = await there.ask('heap');
  for (let from = 1; from < tokens.length; from += PAGE) await there.ask('verifyEach', tokens.slice(from, from + PAGE));
  return { held: REMEMBERED, bytes: (await there.ask('heap')) - before };
}

function percentiles(values: readonly number[]): Percentiles {
  return { p50: percentile(values, 0.5), p99: percentile(values, 0.99), max: Math.max(...values) };
}
