import { type RedisOptions, SentinelConnector } from 'ioredis';

type Report = Parameters<SentinelConnector['connect']>[0];
type ConnectToSentinel = (endpoint: object, options?: RedisOptions) => { on(event: 'error', listener: (error: Error) => void): unknown };

interface Insides {
  connectToSentinel: ConnectToSentinel;
  /** Disconnects when the Sentinels tell of a failover. */
  failoverDetector: { cleanup(): void } | null;
}

/**
 * Finds the master as ioredis does. But the clients by which that asks the Sentinels have no listener for errors, so
 * that each Sentinel that is down is printed again and again, while nobody learns why they could not be connected;
 * and they hold up a process that wants to end for 2 s. And when the Sentinels tell of a failover while they are being
 * asked for the master, it takes that for an order to disconnect, and gives up for ever.
 */
export class QuietSentinelConnector extends SentinelConnector {
  private lastNodeError: Error | undefined;

  constructor(options: unknown) {
    super(options as ConstructorParameters<typeof SentinelConnector>[0]);
    const { disconnectTimeout } = options as { disconnectTimeout: number };
    const { insides } = this;
    const connectToSentinel = insides.connectToSentinel.bind(this);
    insides.connectToSentinel = (endpoint, sentinelOptions) => {
      const client = connectToSentinel(endpoint, { ...sentinelOptions, disconnectTimeout });
      client.on('error', (error) => (this.lastNodeError = error));
      return client;
    };
  }

  override connect(report: Report): ReturnType<SentinelConnector['connect']> {
    const { insides } = this;
    // whoever asks needs not be told; the connection that this leads to gets a detector of its own
    insides.failoverDetector?.cleanup();
    insides.failoverDetector = null;
    return super.connect((type, error) => {
      const { lastNodeError } = this;
      if (lastNodeError && error.message.endsWith('Connection is closed.')) Object.assign(error, { lastNodeError });
      report(type, error);
    });
  }

  private get insides(): Insides {
    return this as unknown as Insides;
  }
}
