import { InvalidArgumentError } from '../errors/index.js';

/** What a connection tells the application. */
export interface ConnectionEvents {
  ready: [];
  connected: [];
  disconnected: [];
  error: [error: Error];
}

const EVENTS: ReadonlySet<string> = new Set<keyof ConnectionEvents>(['ready', 'connected', 'disconnected', 'error']);

/** @throws InvalidArgumentError for an event that does not exist, and for a listener that is no function */
export function assertEvent(event: unknown, listener: unknown): void {
  if (typeof event !== 'string' || !EVENTS.has(event)) {
    throw new InvalidArgumentError('event', `must be one of ${[...EVENTS].join(', ')}`);
  }
  if (typeof listener !== 'function') throw new InvalidArgumentError('listener', 'must be a function');
}
