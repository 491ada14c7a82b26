import type { RedisAuthConnection } from '../redis/index.js';
import { ACCESS_CHECKS } from './access-checks.js';
import type { AuditedOptions, ServerFacts } from './facts.js';
import type { Outcome } from './finding.js';
import { gatherFacts } from './gather.js';
import { checkMemory, type Need } from './memory-checks.js';
import { SERVER_CHECKS } from './server-checks.js';

/**
 * Asks the servers behind a connection, in one round trip, and checks what they tell.
 *
 * @throws StoreUnavailableError
 */
export async function checkServers(connection: RedisAuthConnection, options: AuditedOptions, need?: Need): Promise<Outcome[]> {
  return judge(await gatherFacts(connection, options), options, need);
}

/** The checks themselves. What several masters of a Cluster have in common is told once. */
export function judge(servers: readonly ServerFacts[], options: AuditedOptions, need?: Need): Outcome[] {
  const outcomes = servers.flatMap((facts) =>
    [...[...SERVER_CHECKS, ...ACCESS_CHECKS].flatMap((check) => check(facts, options)), ...checkMemory(facts, servers.length, need)].map(
      (outcome) => ({ outcome, address: facts.address }),
    ),
  );
  const groups = new Map<string, typeof outcomes>();
  for (const each of outcomes) {
    const key = `${each.outcome.code} ${'severity' in each.outcome ? each.outcome.severity : ''}`;
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [...groups.values()].map((group) => told(group, servers.length));
}

/** With the masters that it is true of, where others are there. */
function told(group: readonly { outcome: Outcome; address: string }[], masters: number): Outcome {
  const { outcome } = group[0]!;
  if (masters === 1 || 'reason' in outcome) return outcome;
  return { ...outcome, message: `${outcome.message} (at ${[...new Set(group.map(({ address }) => address))].join(', ')})` };
}
