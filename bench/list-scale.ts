import { type BenchServer, rehashed, startBenchServer } from './bench-server.js';
import { interleave } from './rounds.js';
import { quartiles, ratios, type Quartiles } from './statistics.js';

/** What `list` of one user costs beside many other sessions, relative to few. */
export interface ListScale {
  few: number;
  many: number;
  perSecond: Quartiles;
  costRatio: Quartiles;
}

const FEW = 1000;
const MANY = 1_000_000;
const SESSIONS_OF_A_USER = 10;

/** Copies every key of one user, with its TTL, under `count` other names: as large as the real thing, and in seconds. */
const MULTIPLY = `
for copy = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  for _, key in ipairs(KEYS) do redis.call('COPY', key, key .. '.' .. copy) end
end`;

export async function compareLists(): Promise<ListScale> {
  await using small = await startBenchServer();
  await using large = await startBenchServer();
  await fill(small, FEW);
  await fill(large, MANY);
  const inSmall = { name: 'few', call: () => small.sessions.list('ada') };
  const inLarge = { name: 'many', call: () => large.sessions.list('ada') };

  const measured = await interleave([inSmall, inLarge]);
  const [rateInSmall, rateInLarge] = [measured.get(inSmall)!, measured.get(inLarge)!];
  return { few: FEW, many: MANY, perSecond: quartiles(rateInLarge), costRatio: ratios(rateInSmall, rateInLarge) };
}

async function fill({ sessions, raw }: BenchServer, others: number): Promise<void> {
  for (let i = 0; i < SESSIONS_OF_A_USER; i++) await sessions.create('grace');
  const keys = await raw.keys('*');
  const copies = others / SESSIONS_OF_A_USER;
  const step = 1000;
  for (let from = 1; from < copies; from += step) {
    await raw.eval(MULTIPLY, keys.length, ...keys, from, Math.min(from + step, copies) - 1);
  }
  for (let i = 0; i < SESSIONS_OF_A_USER; i++) await sessions.create('ada');
  await rehashed(raw);
}
