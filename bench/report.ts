import { cpus } from 'node:os';
import type { ImportMeasure } from './import.js';
import type { ListScale } from './list-scale.js';
import type { MemoryUse } from './memory.js';
import type { Quartiles } from './statistics.js';
import type { TokenCosts } from './tokens.js';
import type { Comparison } from './throughput.js';

export interface Results {
  /** How busy the machine was with other things. */
  loadBefore: number;
  redisVersion: string;
  throughput: Comparison[];
  lists: ListScale;
  memory: MemoryUse;
  tokens: TokenCosts;
  imports: ImportMeasure[];
}

/** The results as Markdown. */
export function report({ loadBefore, redisVersion, throughput, lists, memory, tokens, imports }: Results): string {
  const [cpu] = cpus();
  return `# Benchmarks

Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: Node ${process.versions.node}, Redis ${redisVersion}, ${cpus().length} × ${cpu?.model.trim()}, all on one machine over loopback TCP (load average before the start: ${loadBefore.toFixed(1)}).

Absolute numbers say more about the machine than about the package; compare the ratios. All cases run in one process against one server, in turns
of 80 ms, each of 25 rounds starting with another case. A ratio is the median of the ratios within a round, its quartiles in brackets.

## Throughput, 64 calls in flight

The baseline is the bare command on an ioredis client of its own with default options: no token is signed, checked, or read there.

| call | baseline | ratio to baseline | goal | calls a second |
| --- | --- | --- | --- | --- |
${throughput.map(({ name, baseline, goal, ratio, perSecond }) => `| ${name} | ${baseline} | ${spread(ratio)} | ≥ ${goal}${verdict(ratio.median >= goal)} | ${whole(perSecond.median)} |`).join('\n')}

## \`list\` of a user with 10 sessions

Two servers in turns, each at rest: while Redis grows its table (at each doubling of the number of keys), every look-up bears a part of that, some 1.7 times the cost for as long as it lasts.

| other sessions | cost relative to ${whole(lists.few)} | goal | calls a second |
| --- | --- | --- | --- |
| ${whole(lists.many)} | ${spread(lists.costRatio)} | ≤ 1.3${verdict(lists.costRatio.median <= 1.3)} | ${whole(lists.perSecond.median)} |

## Memory of a session

Difference of \`used_memory\` over ${whole(memory.sessions)} sessions of ${whole(memory.users)} users, without device, tenant, claims, or data; the users' indexes are included.

| | bytes a session | goal |
| --- | --- | --- |
${[
  ['after sign-in', memory.atSignIn] as const,
  ['after the first refresh', memory.afterFirstRefresh] as const,
  [`after ${memory.refreshes} refreshes each`, memory.afterRefreshes] as const,
]
  .map(([when, bytes]) => `| ${when} | ${bytes.toFixed(1)} | ≤ 340${verdict(bytes <= 340)} |`)
  .join('\n')}

## Opaque tokens

${whole(tokens.tokens)} tokens of ${whole(tokens.owners)} owners without data, in a database with ${whole(tokens.otherKeys)} other keys.

| | measured | goal |
| --- | --- | --- |
| \`get\`, 64 in flight, relative to \`GET\` and \`JSON.parse\` of the same | ${spread(tokens.get.ratio)}, ${whole(tokens.get.perSecond.median)} a second | ≥ 0.8${verdict(tokens.get.ratio.median >= 0.8)} |
| cost of \`get\` relative to a database with ${whole(tokens.fewKeys)} other keys | ${spread(tokens.scale)} | ≤ 1.3${verdict(tokens.scale.median <= 1.3)} |
| memory of a token, its share of the index included | ${tokens.bytesPerToken.toFixed(1)} bytes | ≤ 300${verdict(tokens.bytesPerToken <= 300)} |
| \`deleteAll\` of ${whole(tokens.deleted.tokens)} tokens: the longest script | ${tokens.deleted.longestMs.toFixed(1)} ms (the call ${whole(tokens.deleted.ms)} ms) | ≤ 5 ms${verdict(tokens.deleted.longestMs <= 5)} |

## Import of tokens

Out of NDJSON text, with the default limits.

| tokens | | a second | goal | growth of the process | goal |
| --- | --- | --- | --- | --- | --- |
${imports.map(({ name, tokens: count, perSecond, rssGrowth }) => `| ${whole(count)} | ${name} | ${whole(perSecond)} | ≥ 20,000${verdict(perSecond >= 20_000)} | ${(rssGrowth / 1e6).toFixed(0)} MB | < 100 MB${verdict(rssGrowth < 100e6)} |`).join('\n')}
`;
}

function spread({ lower, median, upper }: Quartiles): string {
  return `**${median.toFixed(2)}** (${lower.toFixed(2)}–${upper.toFixed(2)})`;
}

function verdict(met: boolean): string {
  return met ? '' : ' — **missed**';
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}
