import { tracingChannel } from 'node:diagnostics_channel';
import { DIAGNOSTICS, type OperationTrace } from 'nestjs-redis-auth';
import { describe, expect, it } from 'vitest';
import { Traced } from '../../lib/diagnostics/index.js';

@Traced<Service>('service', ['act', 'fail'])
class Service {
  readonly observer = { instance: 'default', tellsIds: false };
  received: unknown;

  async act(...args: unknown[]): Promise<number> {
    this.received = args;
    return 7;
  }

  async fail(): Promise<never> {
    throw new Error('told to nobody');
  }

  async silent(): Promise<number> {
    return 8;
  }
}

describe('Traced', () => {
  it('makes nothing while nobody listens: the very promise of the method, and its arguments as they came', async () => {
    const service = new Service();
    const promise = Promise.resolve(1);
    class Given {
      readonly observer = { tellsIds: false };
      act(): Promise<number> {
        return promise;
      }
    }
    Traced<Given>('given', ['act'])(Given);
    expect(new Given().act()).toBe(promise);
    expect(await service.act('a', undefined)).toBe(7);
    expect(service.received).toEqual(['a', undefined]);
  });

  it('tells start, end, and asyncEnd once, with error before it where the call rejects', async () => {
    const phases: string[] = [];
    const listeners = Object.fromEntries(
      (['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const).map((phase) => [
        phase,
        (message: OperationTrace) => phases.push(`${phase} ${message.operation} ${message.outcome ?? '-'}`),
      ]),
    );
    const channel = tracingChannel<OperationTrace>(DIAGNOSTICS.operation);
    channel.subscribe(listeners as never);
    try {
      const service = new Service();
      await service.act();
      await service.fail().catch(() => undefined);
      await service.silent();
    } finally {
      channel.unsubscribe(listeners as never);
    }
    expect(phases).toEqual([
      'start service.act -',
      'end service.act -',
      'asyncStart service.act ok',
      'asyncEnd service.act ok',
      'start service.fail -',
      'end service.fail -',
      'error service.fail failed',
      'asyncStart service.fail failed',
      'asyncEnd service.fail failed',
    ]);
  });
});
