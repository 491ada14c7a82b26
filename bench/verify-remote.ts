import type { Redis } from 'ioredis';
import { accessTokens, inParallel, openInstance, startBenchServer } from './bench-server.js';
import { compare, type Comparison } from './comparison.js';
import { type Contender, inLanes, inTurns } from './rounds.js';

const ROUNDS = 21;
const TOKENS = 1024;

/** Where Redis is asked each time, 64 in flight: beside a GET on a client like the package's own, and on one with default options. */
export async function compareRemote(): Promise<Comparison[]> {
  await using server = await startBenchServer({ sessions: { revocation: 'remote' } });
  await using likewise = await openInstance(server.url, { keyPrefix: 'other:' });
  const tokens = await accessTokens(server, TOKENS);
  await inParallel(TOKENS, (index) => server.raw.set(`bench:${index}`, 'x'.repeat(64)));

  let next = 0;
  const ours: Contender = {
    name: "`verify` with `revocation: 'remote'`",
    call: () => server.sessions.verify(tokens[next++ % TOKENS]!),
  };
  const alike = get('`GET` on a client like ours', likewise.connection.client as Redis);
  const usual = get('`GET` on a client with default options', server.raw);
  const measured = await inTurns([ours, alike, usual], ROUNDS, (contender) => inLanes(contender));
  return [compare({ ours, baseline: alike, goal: 0.75 }, measured), compare({ ours, baseline: usual }, measured)];
}

function get(name: string, client: Redis): Contender {
  let next = 0;
  return { name, call: () => client.get(`bench:${next++ % TOKENS}`) };
}
