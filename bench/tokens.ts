import { type BenchServer, inParallel, rehashed, settledMemory, startBenchServer } from './bench-server.js';
import { interleave } from './rounds.js';
import { quartiles, ratios, type Quartiles } from './statistics.js';

/** What opaque tokens cost: looked up, among many other keys, at rest, and ended all at once. */
export interface TokenCosts {
  tokens: number;
  owners: number;
  otherKeys: number;
  /** `get` among all of them, relative to GET and JSON.parse of as much. */
  get: { ratio: Quartiles; perSecond: Quartiles };
  /** Cost of `get` among all of them, relative to a server with `fewKeys`. */
  scale: Quartiles;
  fewKeys: number;
  bytesPerToken: number;
  /** `deleteAll` of so many tokens: how long the call took, and the longest that Redis was kept by one script (ms). */
  deleted: { tokens: number; ms: number; longestMs: number };
}

const TOKENS = 100_000;
const OWNERS = 1_000;
const OTHER_KEYS = 1_000_000;
const FEW_KEYS = 1_000;
const DELETED = 10_000;
const PRESENTED = 1024;

const FILL = `
for n = tonumber(ARGV[1]), tonumber(ARGV[2]) do redis.call('SET', 'other:' .. n, 'x') end`;

export async function measureTokens(): Promise<TokenCosts> {
  await using small = await startBenchServer();
  await using large = await startBenchServer();
  const presentedInSmall = await store(small, PRESENTED, OWNERS);
  await fill(small, FEW_KEYS);
  const before = await settledMemory(large.raw);
  const presented = await store(large, TOKENS, OWNERS);
  const bytesPerToken = ((await settledMemory(large.raw)) - before) / TOKENS;
  await fill(large, OTHER_KEYS);

  const inLarge = { name: 'get', call: getter(large, presented) };
  const inSmall = { name: 'get among few', call: getter(small, presentedInSmall) };
  const raw = { name: 'GET and parse', call: await rawGetter(large) };
  const measured = await interleave([inLarge, inSmall, raw]);
  const rate = measured.get(inLarge)!;
  return {
    tokens: TOKENS,
    owners: OWNERS,
    otherKeys: OTHER_KEYS,
    fewKeys: FEW_KEYS,
    bytesPerToken,
    get: { ratio: ratios(rate, measured.get(raw)!), perSecond: quartiles(rate) },
    scale: ratios(measured.get(inSmall)!, rate),
    deleted: await deleteMany(large),
  };
}

async function store({ tokens }: BenchServer, count: number, owners: number): Promise<string[]> {
  const presented: string[] = [];
  await inParallel(count, async (index) => {
    const { token } = await tokens.create({ type: 'machine', owner: `owner-${index % owners}` });
    if (index < PRESENTED) presented[index] = token;
  });
  return presented;
}

async function fill({ raw }: BenchServer, others: number): Promise<void> {
  const step = 10_000;
  for (let from = 0; from < others; from += step) await raw.eval(FILL, 0, from, Math.min(from + step, others) - 1);
  await rehashed(raw);
}

function getter({ tokens }: BenchServer, presented: readonly string[]): () => Promise<unknown> {
  let next = 0;
  return () => tokens.get({ type: 'machine', token: presented[next++ % PRESENTED]! });
}

async function rawGetter({ raw }: BenchServer): Promise<() => Promise<unknown>> {
  const [record] = await raw.keys('auth:k:*');
  const value = await raw.get(record!);
  await inParallel(PRESENTED, (index) => raw.set(`bench:${index}`, value!));
  let next = 0;
  return async () => JSON.parse((await raw.get(`bench:${next++ % PRESENTED}`))!) as unknown;
}

async function deleteMany(server: BenchServer): Promise<TokenCosts['deleted']> {
  const { tokens, raw } = server;
  await inParallel(DELETED, () => tokens.create({ type: 'machine', owner: 'condemned' }));
  await raw.config('SET', 'slowlog-log-slower-than', 0, 'slowlog-max-len', 1000);
  await raw.slowlog('RESET');
  const begun = performance.now();
  const ended = await tokens.deleteAll({ owner: 'condemned' });
  const ms = performance.now() - begun;
  if (ended !== DELETED) throw new Error(`${ended} tokens were deleted instead of ${DELETED}`);
  const entries = (await raw.slowlog('GET', 1000)) as [id: number, time: number, micros: number, command: string[]][];
  await raw.config('SET', 'slowlog-log-slower-than', 10_000);
  const scripts = entries.filter(([, , , command]) => /^eval/i.test(command[0] ?? ''));
  return { tokens: DELETED, ms, longestMs: Math.max(...scripts.map(([, , micros]) => micros)) / 1000 };
}
