import { inParallel, startBenchServer, type BenchServer } from './bench-server.js';
import { compare, type Comparison } from './comparison.js';
import { type Contender, inLanes, inTurns } from './rounds.js';

const ROUNDS = 25;

const LANES = 64;

/** Calls of the package beside the script that does nothing. */
export async function compareThroughput(): Promise<Comparison[]> {
  await using server = await startBenchServer();
  const evalsha = await rawEvalsha(server);
  const pairs = [
    { ours: await refresh(server), baseline: evalsha, goal: 0.3 },
    { ours: create(server), baseline: evalsha, goal: 0.25 },
  ];

  const measured = await inTurns([evalsha, ...pairs.map(({ ours }) => ours)], ROUNDS, (contender) => inLanes(contender));
  return pairs.map((pair) => compare(pair, measured));
}

async function rawEvalsha({ raw }: BenchServer): Promise<Contender> {
  const sha = (await raw.script('LOAD', 'return 1')) as string;
  return { name: '`EVALSHA` of `return 1`', call: () => raw.evalsha(sha, 1, 'bench:key') };
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
