import { inspect } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long and how often {@link until} asks. */
export interface UntilOptions {
  /** Milliseconds. @default 5000 */
  within?: number;
  /** Milliseconds between two questions. @default 10 */
  every?: number;
  /** What is waited for, told when it does not come. @default the condition's source */
  what?: string;
}

/** However little of the time a process had, since it may have stood still for the rest. */
const LEAST_ASKED = 5;
/** What a question gets whose time is over already. */
const LEAST_MS = 100;

/**
 * Asks until the answer is truthy, and returns it. A condition that throws counts as not yet fulfilled; one that
 * hangs counts too. Rejects with the last answer or error when time is over.
 */
export async function until<T>(condition: () => T | Promise<T>, options: UntilOptions = {}): Promise<Truthy<T>> {
  const { within = 5_000, every = 10, what = condition.toString() } = options;
  const deadline = performance.now() + within;
  let last: unknown = 'it never answered';
  for (let asked = 0; asked < LEAST_ASKED || performance.now() < deadline; asked++) {
    const answer = await settled(condition, Math.max(LEAST_MS, deadline - performance.now()));
    if (answer?.ok && answer.value) return answer.value as Truthy<T>;
    if (answer !== undefined) last = answer.ok ? answer.value : answer.error;
    await sleep(every);
  }
  throw new Error(`not within ${within} ms: ${what}; the last answer was ${inspect(last, { depth: 3 })}`);
}

type Truthy<T> = Exclude<T, undefined | null | false | 0 | ''>;

type Settled<T> = { ok: true; value: T } | { ok: false; error: unknown };

async function settled<T>(condition: () => T | Promise<T>, within: number): Promise<Settled<T> | undefined> {
  const over = new AbortController();
  const answer = (async (): Promise<Settled<T>> => {
    try {
      return { ok: true, value: await condition() };
    } catch (error) {
      return { ok: false, error };
    }
  })();
  try {
    return await Promise.race([answer, sleep(within, undefined, { signal: over.signal }).catch(() => undefined)]);
  } finally {
    over.abort();
  }
}
