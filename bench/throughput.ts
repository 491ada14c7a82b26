import { inParallel, startBenchServer, type BenchServer } from './bench-server.js';
import { interleave, type Contender } from './rounds.js';
import { quartiles, ratios, type Quartiles } from './statistics.js';

/** A call of the package beside the raw command that it cannot be cheaper than. */
export interface Comparison {
  name: string;
  baseline: string;
  goal: number;
  perSecond: Quartiles;
  ratio: Quartiles;
}

const LANES = 64;
const TOKENS = 1024;

export async function compareThroughput(): Promise<Comparison[]> {
  await using server = await startBenchServer();
  const get = await rawGet(server);
  const evalsha = await rawEvalsha(server);
  const pairs = [
    { ours: await verify(server), baseline: get, goal: 0.5 },
    { ours: await refresh(server), baseline: evalsha, goal: 0.3 },
    { ours: create(server), baseline: evalsha, goal: 0.25 },
  ];

  const measured = await interleave([get, evalsha, ...pairs.map(({ ours }) => ours)]);
  return pairs.map(({ ours, baseline, goal }) => ({
    name: ours.name,
    baseline: baseline.name,
    goal,
    perSecond: quartiles(measured.get(ours)!),
    ratio: ratios(measured.get(ours)!, measured.get(baseline)!),
  }));
}

async function rawGet({ raw }: BenchServer): Promise<Contender> {
  await inParallel(TOKENS, (index) => raw.set(`bench:${index}`, 'x'.repeat(64)));
  let next = 0;
  return { name: '`GET`', call: () => raw.get(`bench:${next++ % TOKENS}`) };
}

async function rawEvalsha({ raw }: BenchServer): Promise<Contender> {
  const sha = (await raw.script('LOAD', 'return 1')) as string;
  return { name: '`EVALSHA` of `return 1`', call: () => raw.evalsha(sha, 1, 'bench:key') };
}

async function verify({ sessions }: BenchServer): Promise<Contender> {
  const tokens: string[] = [];
  await inParallel(TOKENS, async (index) => {
    tokens[index] = (await sessions.create(`verified-${index}`)).accessToken;
  });
  let next = 0;
  return { name: '`verify`', call: () => sessions.verify(tokens[next++ % TOKENS]!) };
}

async function refresh({ sessions }: BenchServer): Promise<Contender> {
  const current: string[] = [];
  await inParallel(LANES, async (lane) => {
    current[lane] = (await sessions.create(`refreshed-${lane}`)).refreshToken;
  });
  return {
    name: '`refresh`',
    call: async (lane) => {
      current[lane] = (await sessions.refresh(current[lane]!)).refreshToken;
    },
  };
}

function create({ sessions }: BenchServer): Contender {
  let next = 0;
  return { name: '`create`', call: () => sessions.create(`created-${next++}`) };
}
