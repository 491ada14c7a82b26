import { HttpException } from '@nestjs/common';
import { LockStoreUnavailableError, StoreFullError, StoreUnavailableError } from '../../../lib/errors/index.js';
import type { Operation, Prepared } from '../operations/index.js';
import { Lateness } from '../settled-in.js';

/** A call that nobody waits for any longer. */
const NEVER_MS = 30_000;

/** How a call ended. */
export interface Ended {
  /** One of those that are known, or whatever else it was in words. */
  readonly outcome: string;
  readonly ms: number;
}

/** A clock that stands still while the event loop does: on a busy machine the time that others had the processor for is nobody's fault here. */
export class FairClock implements Disposable {
  private readonly lateness = new Lateness();

  now(): number {
    return performance.now() - this.lateness.soFar();
  }

  [Symbol.dispose](): void {
    this.lateness.stop();
  }
}

/** Calls, and says what it came to. */
export async function ended(operation: Operation, prepared: Prepared, clock: FairClock): Promise<Ended> {
  const start = clock.now();
  let timer: NodeJS.Timeout | undefined;
  const never = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`PENDING after ${NEVER_MS} ms`)), NEVER_MS);
  });
  try {
    const result = await Promise.race([prepared.call(), never]);
    return { ms: clock.now() - start, outcome: operation.succeeded(result) ? 'works' : 'without' };
  } catch (error) {
    return { ms: clock.now() - start, outcome: outcomeOf(operation, error) };
  } finally {
    clearTimeout(timer);
  }
}

function outcomeOf({ kind }: Operation, error: unknown): string {
  const isOfLock = error instanceof LockStoreUnavailableError;
  const wantsLock = kind === 'lock' || kind === 'unlock';
  if ((isOfLock || error instanceof StoreUnavailableError) && isOfLock === wantsLock) return error.ambiguous ? 'in doubt' : 'refused';
  if (error instanceof StoreFullError) return 'full';
  // of a guard, to whom nothing is written that could be in doubt
  if (error instanceof HttpException && error.getStatus() === 503) return 'refused';
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** Whether an outcome is no more one of those of a Redis that cannot be asked. */
export function wasAsked(outcome: string): boolean {
  return outcome !== 'refused' && outcome !== 'in doubt' && outcome !== 'full';
}
