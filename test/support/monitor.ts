import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { Redis } from 'ioredis';
import type { TestRedis } from '../../lib/testing/index.js';
import { ask, clientOf } from './ask.js';
import { isOfFeed } from './feed.js';
import { until } from './until.js';

/** A command that a server executed. */
export interface MonitoredCommand {
  /** Name first, in lower case. */
  args: string[];
  /** Called by a script, not sent by a client. */
  inScript: boolean;
}

/**
 * What a server executes, all of it, from any client, as MONITOR tells it, but for what clients send before they are
 * ready, and for what follows the feed of revocations all the time.
 */
export class CommandMonitor implements AsyncDisposable {
  private readonly seen: MonitoredCommand[] = [];

  private constructor(
    private readonly server: TestRedis | string,
    private readonly client: Redis,
  ) {
    // ioredis' own way takes a command that is told in the moment when MONITOR begins for a reply, and there is always one
    const { stream } = client;
    stream.removeAllListeners('data');
    createInterface({ input: stream }).on('line', (line) => {
      const command = commandIn(line);
      if (command !== undefined) this.seen.push(command);
    });
    stream.write('MONITOR\r\n');
  }

  static async start(server: TestRedis | string): Promise<CommandMonitor> {
    const client = clientOf(server);
    await client.ping();
    const monitor = new CommandMonitor(server, client);
    await monitor.commands();
    monitor.seen.length = 0;
    return monitor;
  }

  /** What was executed before this call. */
  async commands(): Promise<MonitoredCommand[]> {
    return withoutFeed(await this.everything());
  }

  /** The same with what follows the feed. */
  async everything(): Promise<MonitoredCommand[]> {
    const nonce = randomBytes(12).toString('hex');
    await ask(this.server, (client) => client.echo(nonce));
    const isMark = ({ args }: MonitoredCommand): boolean => args[0] === 'echo' && args[1] === nonce;
    const end = await until(() => this.seen.findIndex(isMark) + 1, { what: 'MONITOR tells the mark' });
    this.seen.splice(end - 1, 1);
    return this.seen.slice(0, end - 1).filter(({ args }) => !isConnectionSetup(args));
  }

  async stop(): Promise<void> {
    this.client.disconnect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** `+1795727248.723425 [0 unix:redis.sock] "GET" "key"`, with `lua` for who sent it where a script did. */
function commandIn(line: string): MonitoredCommand | undefined {
  const said = /^\+[\d.]+ \[\d+ (\S+)\] "(.*)"$/.exec(line);
  if (said === null) return undefined;
  const [name, ...args] = said[2]!.split('" "').map((arg) => arg.replaceAll('\\"', '"'));
  return { args: [name!.toLowerCase(), ...args], inScript: said[1] === 'lua' };
}

/** What a script runs is told behind it. */
function withoutFeed(commands: readonly MonitoredCommand[]): MonitoredCommand[] {
  let isFeed = false;
  return commands.filter(({ args, inScript }) => {
    if (!inScript) isFeed = isOfFeed(args);
    return !isFeed;
  });
}

/** What a client sends before it is ready. */
function isConnectionSetup(args: readonly string[]): boolean {
  return args[0] === 'hello' || (args[0] === 'client' && args[1]?.toLowerCase() === 'setinfo');
}
