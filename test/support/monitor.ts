import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { TestRedis } from '../../lib/testing/index.js';
import { ask, clientOf } from './ask.js';
import { until } from './until.js';

/** A command that a server executed. */
export interface MonitoredCommand {
  /** Name first, in lower case. */
  args: string[];
  /** Called by a script, not sent by a client. */
  inScript: boolean;
}

/** What a server executes, all of it, from any client, as MONITOR tells it, but for what clients send before they are ready. */
export class CommandMonitor implements AsyncDisposable {
  private readonly seen: MonitoredCommand[] = [];

  private constructor(
    private readonly server: TestRedis | string,
    private readonly feed: Redis,
    private readonly main: Redis,
  ) {
    feed.on('monitor', (_time: string, args: string[], source: string) => {
      this.seen.push({ args: [args[0]!.toLowerCase(), ...args.slice(1)], inScript: source === 'lua' });
    });
  }

  static async start(server: TestRedis | string): Promise<CommandMonitor> {
    const main = clientOf(server);
    const monitor = new CommandMonitor(server, await main.monitor(), main);
    await monitor.commands();
    monitor.seen.length = 0;
    return monitor;
  }

  /** Everything that was executed before this call. */
  async commands(): Promise<MonitoredCommand[]> {
    const nonce = randomBytes(12).toString('hex');
    await ask(this.server, (client) => client.echo(nonce));
    const isMark = ({ args }: MonitoredCommand): boolean => args[0] === 'echo' && args[1] === nonce;
    const end = await until(() => this.seen.findIndex(isMark) + 1, { what: 'MONITOR tells the mark' });
    this.seen.splice(end - 1, 1);
    return this.seen.slice(0, end - 1).filter(({ args }) => !isConnectionSetup(args));
  }

  async stop(): Promise<void> {
    this.feed.disconnect();
    this.main.disconnect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** What a client sends before it is ready. */
function isConnectionSetup(args: readonly string[]): boolean {
  return args[0] === 'hello' || (args[0] === 'client' && args[1]?.toLowerCase() === 'setinfo');
}
