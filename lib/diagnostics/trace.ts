import { operations } from './channels.js';
import type { OperationTrace } from './messages.js';
import { from, type Observer } from './observer.js';
import { type Failure, failureOf } from './outcome.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const OK: Failure = { outcome: 'ok' };

/** Who an operation is about, for those who asked to be told. */
export interface Ids {
  readonly userId?: string;
  readonly sessionId?: string;
}

/** Runs one operation that somebody listens to; settles as it does. `act` does not throw: it is an async method. */
export function trace<Result>(
  operation: string,
  observer: Observer,
  act: () => Promise<Result>,
  idsOf: (result?: Result) => Ids = () => ({}),
): Promise<Result> {
  const message = begun(operation, observer, idsOf());
  const since = performance.now();
  const end = (failure: Failure, result?: Result): void => {
    Object.assign(message, failure, { durationMs: performance.now() - since }, idsOf(result));
    if (failure.outcome !== 'ok') operations.error.publish(message);
    operations.asyncStart.publish(message);
    operations.asyncEnd.publish(message);
  };
  return operations.start.runStores(message, () => {
    const result = act();
    operations.end.publish(message);
    return result.then(
      (value) => {
        end(OK, value);
        return value;
      },
      (error: unknown) => {
        end(failureOf(error));
        throw error;
      },
    );
  });
}

/** Tells of an operation that is done already, without a promise. */
export function told(operation: string, observer: Observer, since: number, ids: Ids): void {
  const message = begun(operation, observer, ids);
  operations.start.publish(message);
  Object.assign(message, OK, { durationMs: performance.now() - since });
  operations.end.publish(message);
  operations.asyncStart.publish(message);
  operations.asyncEnd.publish(message);
}

function begun(operation: string, observer: Observer, ids: Ids): Mutable<OperationTrace> {
  return { operation, ...from(observer), ...ids };
}
