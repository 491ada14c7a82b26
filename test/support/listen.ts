import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { DIAGNOSTICS, type OperationTrace } from 'nestjs-redis-auth';

/** What is told on the package's channels until the end of the block. */
export class Listening implements Disposable {
  readonly operations: OperationTrace[] = [];
  readonly facts: { channel: string; message: Record<string, unknown> }[] = [];
  /** Every message as text, all of it, hidden properties too, at each moment that it was published. */
  readonly texts: string[] = [];
  private readonly stops: (() => void)[] = [];

  constructor() {
    const { operation, ...facts } = DIAGNOSTICS;
    const channels = tracingChannel<OperationTrace>(operation);
    for (const phase of ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const) {
      this.listen(channels[phase].name as string, (message) => {
        if (phase === 'asyncEnd') this.operations.push({ ...(message as OperationTrace) });
      });
    }
    for (const name of Object.values(facts)) {
      this.listen(name, (message) => this.facts.push({ channel: name, message: message as Record<string, unknown> }));
    }
  }

  /** How often each `operation outcome reason` was told. */
  get tally(): Record<string, number> {
    const tally: Record<string, number> = {};
    for (const { operation, outcome, reason } of this.operations) {
      const name = [operation, outcome, reason].filter((part) => part !== undefined).join(' ');
      tally[name] = (tally[name] ?? 0) + 1;
    }
    return tally;
  }

  of(channel: keyof typeof DIAGNOSTICS): Record<string, unknown>[] {
    return this.facts.filter((fact) => fact.channel === DIAGNOSTICS[channel]).map(({ message }) => message);
  }

  [Symbol.dispose](): void {
    for (const stop of this.stops) stop();
  }

  private listen(name: string, listener: (message: unknown) => void): void {
    const told = (message: unknown): void => {
      this.texts.push(inspect(message, { depth: Infinity, showHidden: true, maxStringLength: Infinity, breakLength: Infinity }));
      listener(message);
    };
    subscribe(name, told);
    this.stops.push(() => unsubscribe(name, told));
  }
}
