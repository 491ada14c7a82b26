import { channel, type TracingChannel, tracingChannel } from 'node:diagnostics_channel';
import type { CacheLookup, LimitDecision, LockWait, OperationTrace, ReuseDetected, StateChange } from './messages.js';

/**
 * Names of the channels of `node:diagnostics_channel` on which this package tells what it does; what they carry is in the
 * type beside each. Whoever subscribes is told at once, within the call; nothing is made where nobody does.
 */
export const DIAGNOSTICS = {
  /** Each operation, as a `tracingChannel`: an {@link OperationTrace}. */
  operation: 'nestjs-redis-auth:operation',
  /** A {@link StateChange}. */
  state: 'nestjs-redis-auth:state',
  /** A {@link ReuseDetected}. */
  reuse: 'nestjs-redis-auth:reuse',
  /** A {@link CacheLookup}. */
  cache: 'nestjs-redis-auth:cache',
  /** A {@link LockWait}. */
  lock: 'nestjs-redis-auth:lock',
  /** A {@link LimitDecision}. */
  limit: 'nestjs-redis-auth:limit',
} as const;

/** A channel that carries messages of one type. */
export interface Told<Message> {
  readonly hasSubscribers: boolean;
  publish(message: Message): void;
}

// Held here for good: a channel that nobody holds may be collected, and its subscribers with it.
export const operations: TracingChannel<OperationTrace, OperationTrace> = tracingChannel(DIAGNOSTICS.operation);
export const stateChanges: Told<StateChange> = channel(DIAGNOSTICS.state);
export const reuses: Told<ReuseDetected> = channel(DIAGNOSTICS.reuse);
export const cacheLookups: Told<CacheLookup> = channel(DIAGNOSTICS.cache);
export const lockWaits: Told<LockWait> = channel(DIAGNOSTICS.lock);
export const limitDecisions: Told<LimitDecision> = channel(DIAGNOSTICS.limit);
