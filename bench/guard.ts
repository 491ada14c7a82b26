import { createHmac, randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { startRedis } from 'nestjs-redis-auth/testing';
import { accessTokens, inParallel, NAMES, openInstance } from './bench-server.js';
import { type Child, startChild } from './child.js';
import { compare, type Comparison, rates } from './comparison.js';
import { whole } from './format.js';
import { type GuardKind, type Settings, sessionKey } from './guard-kinds.js';
import type { GuardServer, Platform } from './guard-server.js';
import { getRequest, HttpLoad } from './http-load.js';
import { inTurns, type Sample } from './rounds.js';
import { type Quartiles, ratios } from './statistics.js';

/** What guards cost a route that does nothing, on one platform. */
export interface GuardCosts {
  platform: Platform;
  unguarded: Comparison;
  guards: Comparison[];
  /** Ours, of one token, beside what the documentation of Nest leads to. */
  toStock: { ratio: Quartiles; goal?: number };
}

interface Case {
  name: string;
  kind: GuardKind;
  requests: readonly Buffer[];
  goal?: number;
  /** In a process of its own, though there is one of its kind. */
  apart?: boolean;
}

interface Running {
  entry: Case;
  server: Child<GuardServer>;
  load: HttpLoad;
}

/** One process of Node is faster than another that does the same: each case has several, one after the other. */
const SERVERS = 4;
const ROUNDS = 5;
const SLICE_MS = 700;
const DISTINCT = 10_000;
const SIGHTS = 3;
const HOT_GOALS: Readonly<Record<Platform, number>> = { fastify: 0.9, express: 0.93 };
const STOCK_GOAL = 10;

export async function measureGuard(): Promise<GuardCosts[]> {
  const secret = randomBytes(32).toString('hex');
  await using redis = await startRedis({ port: 'tcp' });
  // it tells the others since when revocations are known, too
  await using instance = await openInstance(redis.url, { jwt: { secret, ...NAMES }, sessions: { accessTokenTtl: '2h' } });
  const tokens = await accessTokens(instance, DISTINCT);
  await storeSessions(redis.url, tokens);
  const cookie = await storeExpressSession(redis.url, secret);
  const costs: GuardCosts[] = [];
  for (const platform of ['fastify', 'express'] as const) {
    costs.push(await measurePlatform(platform, { redis: redis.url, secret }, casesOf(platform, tokens, cookie)));
  }
  return costs;
}

function casesOf(platform: Platform, tokens: readonly string[], cookie: string): Case[] {
  const all = tokens.map((token) => getRequest('/hello', `Authorization: Bearer ${token}`));
  const one = all.slice(0, 1);
  const cases: Case[] = [
    { name: 'none', kind: 'none', requests: one },
    // by how much two processes differ that do the same
    { name: 'none, in another process', kind: 'none', requests: one, apart: true },
    { name: 'JwtAuthGuard, one token', kind: 'local', requests: one, goal: HOT_GOALS[platform] },
    { name: `JwtAuthGuard, ${whole(DISTINCT)} tokens in turn`, kind: 'local', requests: all, goal: 0.8 },
    { name: "JwtAuthGuard, `revocation: 'remote'`", kind: 'remote', requests: one },
    { name: 'passport-jwt, secret as text', kind: 'passport-text', requests: one },
    { name: 'passport-jwt, secret as text, and `GET`', kind: 'passport-text-redis', requests: one },
    { name: 'passport-jwt, KeyObject', kind: 'passport-key', requests: one },
    { name: 'by hand: jsonwebtoken, KeyObject, and `GET`', kind: 'by-hand', requests: one },
  ];
  if (platform === 'express') {
    cases.push({
      name: 'express-session and connect-redis',
      kind: 'express-session',
      requests: [getRequest('/hello', `Cookie: ${cookie}`)],
    });
  }
  return cases;
}

async function measurePlatform(platform: Platform, settings: Omit<Settings, 'kind'>, cases: readonly Case[]): Promise<GuardCosts> {
  const measured = new Map<Case, Sample[]>(cases.map((entry) => [entry, []]));
  for (let n = 0; n < SERVERS; n++) {
    for (const [entry, samples] of await measureServers(platform, settings, cases)) measured.get(entry)!.push(...samples);
  }
  return costsOf(platform, cases, measured);
}

async function measureServers(
  platform: Platform,
  settings: Omit<Settings, 'kind'>,
  cases: readonly Case[],
): Promise<ReadonlyMap<Case, readonly Sample[]>> {
  const servers = new Map<string, Child<GuardServer>>();
  const running: Running[] = [];
  try {
    for (const entry of cases) {
      const { name, kind, requests, apart = false } = entry;
      const key = apart ? name : kind;
      const server =
        servers.get(key) ?? (await startChild<GuardServer>('guard-server.js', [JSON.stringify({ ...settings, platform, kind })]));
      servers.set(key, server);
      const load = await HttpLoad.open(await server.ask('port'), requests);
      running.push({ entry, server, load });
      await warmUp(load, requests.length);
    }
    const measured = await inTurns(running, ROUNDS, underLoad);
    return new Map(Array.from(measured, ([{ entry }, samples]) => [entry, samples]));
  } finally {
    for (const { load } of running) load.close();
    for (const server of servers.values()) await server[Symbol.asyncDispose]();
  }
}

function costsOf(platform: Platform, cases: readonly Case[], measured: ReadonlyMap<Case, readonly Sample[]>): GuardCosts {
  const unguarded = cases[0]!;
  const ratesOf = (wanted: GuardKind): number[] => rates(measured.get(cases.find(({ kind }) => kind === wanted)!)!);
  const [own, ...guards] = cases.map((ours) =>
    compare({ ours, baseline: unguarded, ...(ours.goal !== undefined && { goal: ours.goal }) }, measured),
  );
  return {
    platform,
    unguarded: own!,
    guards,
    toStock: { ratio: ratios(ratesOf('local'), ratesOf('passport-text-redis')), ...(platform === 'fastify' && { goal: STOCK_GOAL }) },
  };
}

/** A token is remembered from its second sight on. */
async function warmUp(load: HttpLoad, requests: number): Promise<void> {
  for (let answered = 0; answered < SIGHTS * requests;) answered += await load.run(SLICE_MS);
}

async function underLoad({ server, load }: Running): Promise<Sample> {
  const cpu = await server.ask('cpu');
  const start = performance.now();
  const answered = await load.run(SLICE_MS);
  const perSecond = (answered * 1000) / (performance.now() - start);
  return { perSecond, cpuUs: ((await server.ask('cpu')) - cpu) / answered };
}

async function storeSessions(url: string, tokens: readonly string[]): Promise<void> {
  const raw = new Redis(url);
  await inParallel(tokens.length, async (index) => {
    const { sid, sub } = JSON.parse(Buffer.from(tokens[index]!.split('.')[1]!, 'base64url').toString()) as { sid: string; sub: string };
    await raw.set(sessionKey(sid), JSON.stringify({ userId: sub, createdAt: Date.now(), roles: ['reader'] }), 'EX', 7200);
  });
  raw.disconnect();
}

/** A session as connect-redis stores it; returns the cookie of express-session for it. */
async function storeExpressSession(url: string, secret: string): Promise<string> {
  const raw = new Redis(url);
  const id = randomBytes(24).toString('base64url');
  await raw.set(
    `sess:${id}`,
    JSON.stringify({ cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: '/' }, userId: 'user-0' }),
  );
  raw.disconnect();
  const mac = createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, '');
  return `connect.sid=${encodeURIComponent(`s:${id}.${mac}`)}`;
}
