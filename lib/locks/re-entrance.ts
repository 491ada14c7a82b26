import { AsyncLocalStorage } from 'node:async_hooks';
import { LockBusyError } from '../errors/index.js';
import type { HeldLock } from './held-lock.js';
import type { Lock } from './lock-types.js';

/** A lock that is held by a function, for everything that is called from within it. */
interface Frame {
  /** Whose lock it is. */
  readonly owner: object;
  readonly name: string;
  readonly lock: HeldLock;
  readonly outer: Frame | undefined;
  /** Ends with the last of those that entered the frame itself. */
  lastEntered: Promise<void>;
  over: boolean;
}

const frames = new AsyncLocalStorage<Frame>();

/**
 * The lock of the innermost `using` or `@WithLock` around the caller, as its signal is needed where no argument brings it;
 * undefined outside.
 */
export function currentLock(): Lock | undefined {
  for (let frame = frames.getStore(); frame !== undefined; frame = frame.outer) if (!frame.over) return frame.lock;
  return undefined;
}

/** The frame in which the caller holds that lock already. */
export function findFrame(owner: object, name: string): Frame | undefined {
  let frame = frames.getStore();
  while (frame !== undefined && (frame.over || frame.owner !== owner || frame.name !== name)) frame = frame.outer;
  return frame;
}

/** Runs `fn` as the holder of a lock. */
export async function runWithin<T>(owner: object, name: string, lock: HeldLock, fn: (lock: Lock) => Promise<T>): Promise<T> {
  const frame: Frame = { owner, name, lock, outer: frames.getStore(), lastEntered: Promise.resolve(), over: false };
  try {
    return await frames.run(frame, async () => fn(lock));
  } finally {
    frame.over = true;
  }
}

/**
 * Runs `fn` with a lock that its caller holds. Those that are entered side by side from one frame run one after another:
 * they asked for a lock, and it is theirs to be kept apart by.
 *
 * @throws LockBusyError if it was not its turn within `waitMs`
 * @throws the reason of `signal`, when that aborts before it is
 */
export async function enterFrame<T>(
  frame: Frame,
  waitMs: number,
  signal: AbortSignal | undefined,
  fn: (lock: Lock) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const before = frame.lastEntered;
  let leave!: () => void;
  const left = new Promise<void>((resolve) => (leave = resolve));
  frame.lastEntered = before.then(() => left);
  try {
    await inTurn(before, waitMs, signal);
    frame.lock.assertHeld();
    return await runWithin(frame.owner, frame.name, frame.lock, fn);
  } finally {
    leave();
  }
}

async function inTurn(before: Promise<void>, waitMs: number, signal: AbortSignal | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let abort!: () => void;
  const tooLate = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal?.reason as Error);
    signal?.addEventListener('abort', abort);
    timer = setTimeout(() => reject(new LockBusyError(waitMs)), Math.min(waitMs, 2 ** 31 - 1));
  });
  try {
    await Promise.race([before, tooLate]);
  } finally {
    signal?.removeEventListener('abort', abort);
    clearTimeout(timer);
  }
}
