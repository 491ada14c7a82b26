import type { CacheCosts } from './cache.js';
import type { Comparison } from './comparison.js';
import { aim, spread, verdict, whole } from './format.js';
import type { KilledImport } from './import-killed.js';
import type { ImportMeasure } from './import.js';
import type { ListScale } from './list-scale.js';
import { LOCK_GOALS, type LockCosts } from './locks.js';
import type { MemoryUse } from './memory.js';
import type { RateLimitCosts } from './rate-limit.js';
import type { TokenCosts } from './tokens.js';

export function throughputReport(throughput: readonly Comparison[]): string {
  return `The baseline is the bare command on an ioredis client of its own with default options: no token is signed, checked, or read there.

| call | baseline | ratio to baseline | goal | calls a second |
| --- | --- | --- | --- | --- |
${throughput.map(({ name, baseline, goal, ratio, perSecond }) => `| ${name} | ${baseline} | ${spread(ratio)} | ${aim(ratio.median, goal)} | ${whole(perSecond.median)} |`).join('\n')}`;
}

export function listReport(lists: ListScale): string {
  return `Two servers in turns, each at rest: while Redis grows its table (at each doubling of the number of keys), every look-up bears a part of that, some 1.7 times the cost for as long as it lasts.

| other sessions | cost relative to ${whole(lists.few)} | goal | calls a second |
| --- | --- | --- | --- |
| ${whole(lists.many)} | ${spread(lists.costRatio)} | ≤ 1.3${verdict(lists.costRatio.median <= 1.3)} | ${whole(lists.perSecond.median)} |`;
}

export function memoryReport(memory: MemoryUse): string {
  return `Difference of \`used_memory\` over ${whole(memory.sessions)} sessions of ${whole(memory.users)} users, without device, tenant, claims, or data; the users' indexes are included.

| | bytes a session | goal |
| --- | --- | --- |
${[
  ['after sign-in', memory.atSignIn] as const,
  ['after the first refresh', memory.afterFirstRefresh] as const,
  [`after ${memory.refreshes} refreshes each`, memory.afterRefreshes] as const,
]
  .map(([when, bytes]) => `| ${when} | ${bytes.toFixed(1)} | ≤ 340${verdict(bytes <= 340)} |`)
  .join('\n')}`;
}

export function tokensReport(tokens: TokenCosts): string {
  return `${whole(tokens.tokens)} tokens of ${whole(tokens.owners)} owners without data, in a database with ${whole(tokens.otherKeys)} other keys.

| | measured | goal |
| --- | --- | --- |
| \`get\`, 64 in flight, relative to \`GET\` and \`JSON.parse\` of the same | ${spread(tokens.get.ratio)}, ${whole(tokens.get.perSecond.median)} a second | ≥ 0.8${verdict(tokens.get.ratio.median >= 0.8)} |
| cost of \`get\` relative to a database with ${whole(tokens.fewKeys)} other keys | ${spread(tokens.scale)} | ≤ 1.3${verdict(tokens.scale.median <= 1.3)} |
| memory of a token, its share of the index included | ${tokens.bytesPerToken.toFixed(1)} bytes | ≤ 300${verdict(tokens.bytesPerToken <= 300)} |
| \`deleteAll\` of ${whole(tokens.deleted.tokens)} tokens: the longest script | ${tokens.deleted.longestMs.toFixed(1)} ms (the call ${whole(tokens.deleted.ms)} ms) | ≤ 5 ms${verdict(tokens.deleted.longestMs <= 5)} |`;
}

export function importReport(imports: readonly ImportMeasure[], killedImport: KilledImport): string {
  return `Out of NDJSON text, with the default limits.

| tokens | | a second | goal | growth of the process | goal |
| --- | --- | --- | --- | --- | --- |
${imports.map(({ name, tokens: count, perSecond, rssGrowth }) => `| ${whole(count)} | ${name} | ${whole(perSecond)} | ≥ 20,000${verdict(perSecond >= 20_000)} | ${(rssGrowth / 1e6).toFixed(0)} MB | < 100 MB${verdict(rssGrowth < 100e6)} |`).join('\n')}

The same by the command-line tool out of a file, killed ${killedImport.kills} times at random points and run once more: ${whole(killedImport.found)} of ${whole(killedImport.tokens)} tokens are there${verdict(killedImport.found === killedImport.tokens)}, their ends differ by ${killedImport.farthestMs} ms at most (goal ≤ 1,000)${verdict(killedImport.farthestMs <= 1_000)}.`;
}

export function cacheReport(cache: CacheCosts): string {
  return `64 in flight, values of ${cache.valueBytes} bytes as JSON; other packages beside it, on the same server.

| | baseline | ratio to baseline | goal | a second |
| --- | --- | --- | --- | --- |
${cache.cases.map(({ name, baseline, ratio, goal, perSecond }) => `| ${name} | ${baseline} | ${spread(ratio)} | ${aim(ratio.median, goal)} | ${whole(perSecond.median)} |`).join('\n')}

A tag on ${whole(cache.tag.entries)} entries: ${cache.tag.commands} command, ${cache.tag.ms.toFixed(1)} ms.`;
}

export function locksReport(locks: LockCosts): string {
  return `A lock that nobody else wants, taken and released, 64 in flight, relative to \`SET\` and then \`GET\`:

| | ratio | goal | a second |
| --- | --- | --- | --- |
${locks.free.map(({ name, ratio, goal, perSecond }) => `| ${name} | ${spread(ratio)} | ${aim(ratio.median, goal)} | ${whole(perSecond.median)} |`).join('\n')}

${locks.waiters} callers who want the same lock, hold it for ${locks.holdMs} ms, and ask again at once; Jain's index is 1 where all get it alike:

| | Jain | wait p99 ms | hand-over p99 ms | commands a lock, those in scripts included | locks a second |
| --- | --- | --- | --- | --- | --- |
${locks.contended.map(contention).join('\n')}`;
}

export function rateLimitReport(rateLimits: RateLimitCosts): string {
  return `64 in flight, relative to \`EVALSHA\` of \`return 1\`:

| | ratio | goal | a second |
| --- | --- | --- | --- |
${rateLimits.cases.map(({ name, ratio, goal, perSecond }) => `| ${name} | ${spread(ratio)} | ${aim(ratio.median, goal)} | ${whole(perSecond.median)} |`).join('\n')}`;
}

function contention(
  { name, fairness, waitP99Ms, handOverP99Ms, commands, perSecond }: LockCosts['contended'][number],
  index: number,
): string {
  const judged = (text: string, met: boolean, goal: string): string => (index === 0 ? `${text} (${goal})${verdict(met)}` : text);
  return `| ${[
    name,
    judged(fairness.toFixed(2), fairness >= LOCK_GOALS.fairness, `≥ ${LOCK_GOALS.fairness}`),
    judged(waitP99Ms.toFixed(1), waitP99Ms <= LOCK_GOALS.waitP99Ms, `≤ ${LOCK_GOALS.waitP99Ms}`),
    judged(handOverP99Ms.toFixed(1), handOverP99Ms <= LOCK_GOALS.handOverP99Ms, `≤ ${LOCK_GOALS.handOverP99Ms}`),
    judged(commands.toFixed(1), commands <= LOCK_GOALS.commands, `≤ ${LOCK_GOALS.commands}`),
    whole(perSecond),
  ].join(' | ')} |`;
}
