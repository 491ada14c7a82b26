import type { EventEmitter } from 'node:events';
import { Logger } from '@nestjs/common';
import { withoutArguments } from '../errors/index.js';
import type { ConnectionEvents } from './connection-events.js';
import { explainRefusal } from './trouble.js';
import { refusalCode } from './store-errors.js';

/**
 * Tells of refusals that reach calls while the connection itself stays up, as after a change of the ACL: once until a
 * call succeeds again, and once for an operation that is refused while others succeed.
 */
export class RefusedCalls {
  private readonly logger = new Logger('RedisAuthConnection');
  /** Operations that have not succeeded since, with the code of their refusal. */
  private readonly operations = new Map<string, string>();
  private current: string | undefined;

  constructor(
    private readonly address: string,
    private readonly events: EventEmitter<ConnectionEvents>,
  ) {}

  /** False in all good times, so that a success has nothing else to look at. */
  get hasAny(): boolean {
    return this.operations.size > 0;
  }

  /** Ignores errors that are no refusals. */
  failed(operation: string, error: unknown): void {
    const code = refusalCode(error);
    if (code === undefined || this.operations.get(operation) === code) return;
    this.operations.set(operation, code);
    if (this.current === code) return;
    this.current = code;
    const reason = withoutArguments(error);
    this.logger.error(`Redis at ${this.address} refuses us: ${explainRefusal(reason)}`);
    if (this.events.listenerCount('error') > 0) this.events.emit('error', reason);
  }

  succeeded(operation: string): void {
    this.operations.delete(operation);
    this.current = undefined;
  }

  /** A new connection: what is refused there is a new refusal. */
  forget(): void {
    this.operations.clear();
    this.current = undefined;
  }
}
