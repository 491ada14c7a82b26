import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { failureOf, from, lockWaits, type Observer, type OperationOutcome, Traced } from '../diagnostics/index.js';
import { LockBusyError, LockLostError, LockStoreUnavailableError } from '../errors/index.js';
import type { RedisClient } from '../redis/index.js';
import { type DistributedLockOptions, type DistributedLockParts, lockParts } from './distributed-lock-options.js';
import { checkFencedWrite, type FencedWrite, WRITE_FENCED } from './fenced-write.js';
import { HandOvers } from './hand-overs.js';
import { HeldLock } from './held-lock.js';
import { checkRequest, checkWait, type LockRequest } from './lock-arguments.js';
import { LockCalls } from './lock-calls.js';
import { scriptsOf } from './lock-state.js';
import type { Lock, LockTarget, TryLockOptions, WaitLockOptions } from './lock-types.js';
import { enterFrame, findFrame, runWithin } from './re-entrance.js';
import { Renewal } from './renewal.js';
import { Replicas } from './replicas.js';
import { type Grant, Waiting } from './waiting.js';

/**
 * Locks that only one process at a time holds, or as many as there are permits.
 *
 * A lock is a lease on the server's clock. Each step is one Lua script and one round trip, atomic. Who waits is in a queue in
 * Redis and gets the lock by message, in its turn; nobody polls. Every method rejects with InvalidArgumentError before any
 * command if an argument is not what it must be, and with LockStoreUnavailableError (within `commandTimeout`) if Redis cannot
 * be asked: then nobody was given a lock. Where only the reply was lost (`ambiguous`) it frees itself when its ttl is over.
 *
 * What no lock on Redis can promise: that nobody else holds it after a failover that lost it (`minReplicas` makes that rare),
 * or while a process that was paused goes on without a look at {@link Lock.assertHeld}. {@link Lock.fencingToken} closes both,
 * where the resource refuses a smaller one than it has seen: {@link writeFenced}, and for SQL
 * `UPDATE … SET …, fence = $token WHERE id = $id AND fence <= $token`, which has to change one row.
 *
 * Provided by the module, and usable by hand: `new DistributedLock({ redis: 'redis://localhost:6379' })`.
 */
@Injectable()
@Traced<DistributedLock>('locks', ['tryAcquire', 'acquire', 'using', 'writeFenced'])
export class DistributedLock implements OnApplicationShutdown {
  private readonly parts: DistributedLockParts;
  private readonly calls: LockCalls;
  private readonly handOvers: HandOvers;
  private readonly replicas: Replicas | undefined;

  /** @throws RedisAuthConfigError that lists every mistake in the options */
  constructor(options: DistributedLockOptions);
  /** @internal */
  constructor(parts: DistributedLockParts);
  constructor(options: DistributedLockOptions | DistributedLockParts = {}) {
    this.parts = lockParts(options);
    const { connection, keyPrefix, locks } = this.parts;
    const calls = new LockCalls(connection);
    this.calls = calls;
    this.handOvers = new HandOvers(connection, keyPrefix, (stateKey, id) => {
      calls.release({ scripts: scriptsOf(keyPrefix, stateKey), keys: [stateKey] }, id).catch(() => undefined);
    });
    this.replicas = locks.minReplicas > 0 ? new Replicas(connection, locks.minReplicas) : undefined;
  }

  /** @internal */
  get observer(): Observer {
    return this.parts.connection.observer;
  }

  /** The ioredis client, for commands of your own; see {@link RedisAuthConnection.client}. */
  get client(): RedisClient {
    return this.parts.connection.client;
  }

  /** The lock, or null if another holds it or waits for it. One round trip. */
  async tryAcquire(key: LockTarget, options: TryLockOptions): Promise<Lock | null> {
    const request = checkRequest(this.parts.keyPrefix, key, options);
    return this.attempt('locks.tryAcquire', request);
  }

  /**
   * The lock, once it is this caller's turn. One round trip where it is free.
   *
   * @throws LockBusyError if others hold it for as long as `wait`
   * @throws the reason of `signal`, when that aborts
   */
  async acquire(key: LockTarget, options: WaitLockOptions): Promise<Lock> {
    const request = checkRequest(this.parts.keyPrefix, key, options);
    return this.obtain('locks.acquire', request, checkWait(options, this.parts.locks.waitMs), options.signal);
  }

  /**
   * Runs `fn` with the lock, which is renewed every third of its ttl, and releases it when `fn` has settled.
   *
   * Within `fn`, and whatever it calls, `using` with the same key enters at once instead of waiting for itself; several such
   * calls side by side run one after another. Other methods do not know of it.
   *
   * @returns what `fn` resolves with
   * @throws LockLostError if the lock was lost before `fn` had settled, whatever that came to; `lock.signal` tells at once
   * @throws LockBusyError, as {@link acquire}
   */
  async using<T>(key: LockTarget, options: WaitLockOptions, fn: (lock: Lock) => Promise<T>): Promise<T> {
    const request = checkRequest(this.parts.keyPrefix, key, options);
    const waitMs = checkWait(options, this.parts.locks.waitMs);
    const name = [...request.state.keys, ...request.state.what].join(' ');
    const frame = findFrame(this, name);
    if (frame !== undefined) return enterFrame(frame, waitMs, options.signal, fn);
    const lock = await this.obtain('locks.using', request, waitMs, options.signal);
    const renewal = new Renewal(lock);
    lock.watch();
    try {
      const result = await runWithin(this, name, lock, fn);
      renewal.stop();
      if (!lock.wasGivenUp) {
        lock.assertHeld();
        if (!(await releaseQuietly(lock))) throw new LockLostError('gone');
      }
      return result;
    } catch (error) {
      renewal.stop();
      const lost = lock.lostBecause(error);
      await releaseQuietly(lock);
      throw lost ?? error;
    }
  }

  /**
   * Writes fields of a hash of the application's own, `key` as it is given, unless a later holder of the lock has written
   * there: the hash keeps the greatest token in its field `fence`. Atomic; one round trip.
   *
   * @returns false where a greater token was there; nothing is written then
   * @throws StoreUnavailableError, StoreFullError; to repeat it is safe
   */
  async writeFenced(key: string, write: FencedWrite): Promise<boolean> {
    const { keys, args } = checkFencedWrite(key, write);
    return this.parts.connection.execute(
      'locks.writeFenced',
      async (client, again) => Number(await WRITE_FENCED.run(client, keys, args, again)) === 1,
    );
  }

  /** Ends all waiting and closes the connection that this object made for itself; one that it was given stays open. */
  async close(): Promise<void> {
    await this.parts.close?.();
    this.handOvers.close();
  }

  /** @internal */
  async onApplicationShutdown(): Promise<void> {
    await this.close();
  }

  private async obtain(operation: string, request: LockRequest, waitMs: number, signal: AbortSignal | undefined): Promise<HeldLock> {
    if (!lockWaits.hasSubscribers) return this.waitFor(operation, request, waitMs, signal);
    const since = performance.now();
    const tell = (outcome: OperationOutcome): void =>
      lockWaits.publish({ ...from(this.observer), operation, outcome, waitedMs: performance.now() - since });
    try {
      const lock = await this.waitFor(operation, request, waitMs, signal);
      tell('ok');
      return lock;
    } catch (error) {
      tell(failureOf(error).outcome);
      throw error;
    }
  }

  private async waitFor(operation: string, request: LockRequest, waitMs: number, signal: AbortSignal | undefined): Promise<HeldLock> {
    signal?.throwIfAborted();
    const begunAt = performance.now();
    if (waitMs === 0 || !this.handOvers.isHearing) {
      const lock = await this.attempt(operation, request);
      if (lock !== null) return lock;
      if (waitMs === 0) throw new LockBusyError(0);
      // Queued while nobody listens, it would be passed over.
      const hears = await this.handOvers.hear(operation, waitMs);
      signal?.throwIfAborted();
      if (!hears) throw new LockBusyError(Math.round(performance.now() - begunAt));
    }
    const number = this.handOvers.nextNumber();
    const waiting = new Waiting(operation, request, number, this.calls, this.handOvers);
    return this.held(operation, request, number, await waiting.grant(begunAt, waitMs, signal), true);
  }

  private async attempt(operation: string, request: LockRequest): Promise<HeldLock | null> {
    const number = this.handOvers.nextNumber();
    const sentAt = performance.now();
    const reply = await this.calls.take(operation, request, this.handOvers.idOf(number), 'try');
    return typeof reply === 'number' ? null : this.held(operation, request, number, { token: reply, sentAt }, false);
  }

  private async held(operation: string, { state, ttlMs }: LockRequest, number: number, grant: Grant, waited: boolean): Promise<HeldLock> {
    const { calls, handOvers, replicas } = this;
    const id = handOvers.idOf(number);
    const lock = new HeldLock(state.name, grant.token, ttlMs, grant.sentAt, {
      extend: (ms) => (replicas === undefined ? calls.extend(state, ms, id) : replicas.extend('locks.extend', state, ms, id)),
      release: () => calls.release(state, id),
      ended: () => handOvers.remove(number),
    });
    // Until then its number is not one of those that wait no more.
    if (waited) lock.watch();
    if (replicas !== undefined) await this.replicated(operation, lock);
    return lock;
  }

  private async replicated(operation: string, lock: HeldLock): Promise<void> {
    try {
      await lock.extend();
    } catch (error) {
      await releaseQuietly(lock);
      if (error instanceof LockLostError) throw new LockStoreUnavailableError(operation, false, 1, { cause: error });
      throw error;
    }
  }
}

/** Where Redis cannot be asked, the lease of a lock that was held is all that has to end. */
async function releaseQuietly(lock: HeldLock): Promise<boolean> {
  try {
    return await lock.release();
  } catch (error) {
    if (error instanceof LockStoreUnavailableError) return true;
    throw error;
  }
}
