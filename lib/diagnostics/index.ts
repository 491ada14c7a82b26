export { cacheLookups, DIAGNOSTICS, limitDecisions, lockWaits, operations, reuses, stateChanges } from './channels.js';
export type { CacheLookup, FromInstance, LimitDecision, LockWait, OperationTrace, Part, ReuseDetected, StateChange } from './messages.js';
export { from, type Observed, type Observer } from './observer.js';
export { failureOf, type OperationOutcome, type RefusalReason } from './outcome.js';
export { told } from './trace.js';
export { type TellIds, Traced } from './traced.decorator.js';
