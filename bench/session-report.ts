import type { Comparison } from './comparison.js';
import { aim, spread, verdict, whole } from './format.js';
import type { GuardCosts } from './guard.js';
import type { Percentiles, RevocationCosts } from './revocation.js';

const GOALS = { delayP99Ms: 20, replicaBytes: 15e6 } as const;

export function verifyReport(hmac: readonly Comparison[], signatures: readonly Comparison[], remote: readonly Comparison[]): string {
  return `With \`revocation: 'local'\`, the default, unless said otherwise: each verification asks for the signature, the claims, and whether the session lives. One call after the other in one process. Tokens not seen before are genuine, and made for each turn anew. Other packages look at the token alone.

| HS256 | baseline | ratio to baseline | goal | a second | CPU µs |
| --- | --- | --- | --- | --- | --- |
${hmac.map(compared).join('\n')}

| | baseline | ratio to baseline | goal | a second | CPU µs |
| --- | --- | --- | --- | --- | --- |
${signatures.map(compared).join('\n')}

Where Redis is asked each time, 64 in flight:

| | baseline | ratio to baseline | goal | a second | CPU µs |
| --- | --- | --- | --- | --- | --- |
${remote.map(compared).join('\n')}`;
}

export function guardReport(platforms: readonly GuardCosts[]): string {
  return `\`GET /hello\` of Nest 12, each server in a process of its own, 50 connections that are kept alive, one request at a time on each, in turns of 0.7 s; each server was started anew four times. CPU is that of the server's process. Where the quartiles of the throughput have the goal between them, CPU time of a request decides.

${platforms.map(platformReport).join('\n\n')}`;
}

export function revocationReport({ revocations, perSecond, delayMs, beyondLoopMs, before, replica, verified }: RevocationCosts): string {
  return `From the acknowledgement of \`revoke\` to the refusal in another process, which verifies ${whole(perSecond)} tokens a second meanwhile; over ${whole(revocations)} revocations, ${(before * 100).toFixed(0)} % of which it refused before they were acknowledged:

| ms | p50 | p99 | longest | goal |
| --- | --- | --- | --- | --- |
| until refused | ${times(delayMs)} | |
| the same less the delay of its event loop meanwhile | ${times(beyondLoopMs)} | p99 ≤ ${GOALS.delayP99Ms}${verdict(beyondLoopMs.p99 <= GOALS.delayP99Ms)} |

| heap of an instance | MB | bytes each | goal |
| --- | --- | --- | --- |
| ${whole(replica.held)} revocations | ${megabytes(replica.bytes)} | ${whole(replica.bytes / replica.held)} | ≤ ${GOALS.replicaBytes / 1e6} MB${verdict(replica.bytes <= GOALS.replicaBytes)} |
| ${whole(verified.held)} verified tokens, the most that are remembered of this length | ${megabytes(verified.bytes)} | ${whole(verified.bytes / verified.held)} | |`;
}

function compared({ name, baseline, ratio, goal, perSecond, cpuUs }: Comparison): string {
  return `| ${[name, baseline, spread(ratio), aim(ratio.median, goal), whole(perSecond.median), cpuUs.median.toFixed(2)].join(' | ')} |`;
}

function platformReport({ platform, unguarded, guards, toStock }: GuardCosts): string {
  const stockGoal = aim(toStock.ratio.median, toStock.goal);
  return `### ${platform === 'fastify' ? 'Fastify' : 'Express'}

| guard | requests a second | ratio to no guard | CPU µs a request | CPU of no guard relative to it | goal |
| --- | --- | --- | --- | --- | --- |
| none | ${whole(unguarded.perSecond.median)} | 1 | ${unguarded.cpuUs.median.toFixed(1)} | 1 | |
${guards.map(guarded).join('\n')}

JwtAuthGuard, one token, relative to passport-jwt with its secret as text and \`GET\`: ${spread(toStock.ratio)}${stockGoal === '' ? '' : `, goal ${stockGoal}`}.`;
}

function guarded({ name, perSecond, ratio, cpuUs, cpuRatio, goal }: Comparison): string {
  const isUncertain = goal !== undefined && ratio.lower <= goal && goal <= ratio.upper;
  const judged = aim(isUncertain ? cpuRatio.median : ratio.median, goal);
  return `| ${[name, whole(perSecond.median), spread(ratio), cpuUs.median.toFixed(1), spread(cpuRatio), judged].join(' | ')} |`;
}

function times({ p50, p99, max }: Percentiles): string {
  return [p50, p99, max].map((ms) => ms.toFixed(2)).join(' | ');
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
