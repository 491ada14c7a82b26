import type { TestRedis } from '../../lib/testing/index.js';
import { ask } from './ask.js';
import { CommandMonitor } from './monitor.js';

/** How often each command, by its lower-case name. */
export type CommandCounts = Record<string, number>;

/** What a server did during a call. */
export interface CommandsDuring<T> {
  result: T;
  /** Sent by clients, of any connection: what the call cost in commands. */
  sent: CommandCounts;
  /** Called by scripts. */
  inScripts: CommandCounts;
  /** Sum of `sent`. */
  total: number;
}

/** Counts the commands of a call, and of whatever else talks to that server meanwhile: take a private one. */
export async function commandsDuring<T>(server: TestRedis | string, call: () => Promise<T>): Promise<CommandsDuring<T>> {
  await using monitor = await CommandMonitor.start(server);
  const result = await call();
  const commands = await monitor.commands();
  const sent = commands.filter(({ inScript }) => !inScript);
  return { result, sent: counted(sent), inScripts: counted(commands.filter(({ inScript }) => inScript)), total: sent.length };
}

/**
 * Executions since the server started, those in scripts included; subcommands as `config|get`. Cheap enough for large
 * tests. XREAD is left out: who follows the feed of revocations reads all the time.
 */
export async function commandStats(server: TestRedis | string): Promise<CommandCounts> {
  const info = await ask(server, (client) => client.info('commandstats'));
  const found = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, calls]) => [name!, Number(calls)] as const);
  return Object.fromEntries(found.filter(([name]) => name !== 'xread'));
}

/** What {@link commandStats} grew by, names that did not grow left out. */
export function growth(before: CommandCounts, after: CommandCounts): CommandCounts {
  const entries = Object.entries(after).map(([name, calls]) => [name, calls - (before[name] ?? 0)] as const);
  return Object.fromEntries(entries.filter(([, calls]) => calls > 0));
}

function counted(commands: readonly { args: string[] }[]): CommandCounts {
  const counts: CommandCounts = {};
  for (const { args } of commands) counts[args[0]!] = (counts[args[0]!] ?? 0) + 1;
  return counts;
}
