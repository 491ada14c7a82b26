import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { InvalidTokenError } from 'nestjs-redis-auth';
import { openInstance, NAMES } from './bench-server.js';
import { serve } from './child.js';

/** Another instance, in a process of its own. */
export interface RevocationListener {
  /** Verifies these without a pause from now on. */
  begin(tokens: readonly string[]): void;
  /** Looks at this one all the time: from now on until {@link refused}. */
  watch(token: string): void;
  /** When it was refused (nanoseconds of this machine's clock), and how late its event loop was at most since watched (ms). */
  refused(): Promise<{ at: string; lagMs: number }>;
  /** How many it has verified a second since asked before. */
  rate(): number;
  /** Verifies each twice: what is seen once is not remembered. */
  verifyEach(tokens: readonly string[]): Promise<void>;
  /** Bytes of the heap that are in use once all garbage is gone. */
  heap(): Promise<number>;
}

type Refusal = Awaited<ReturnType<RevocationListener['refused']>>;

interface Watched {
  token: string;
  isRefused: boolean;
  refused(refusal: Refusal): void;
  refusal: Promise<Refusal>;
}

/** How long it verifies before it looks what has come in. */
const TURN_MS = 1;
const RESOLUTION_MS = 1;

const [redis, secret] = process.argv.slice(2) as [string, string];
const { sessions } = await openInstance(redis, { jwt: { secret, ...NAMES }, sessions: { accessTokenTtl: '2h' } });
const lag = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
let watched: Watched | undefined;
let verified = 0;
let countedAt = performance.now();

const answers: RevocationListener = {
  begin(tokens) {
    lag.enable();
    void work(tokens);
  },
  watch(token) {
    let refused: Watched['refused'] = () => undefined;
    const refusal = new Promise<Refusal>((resolve) => (refused = resolve));
    watched = { token, isRefused: false, refused, refusal };
    lag.reset();
  },
  refused: () => watched!.refusal,
  rate() {
    const perSecond = (verified * 1000) / (performance.now() - countedAt);
    [verified, countedAt] = [0, performance.now()];
    return perSecond;
  },
  async verifyEach(tokens) {
    for (const token of tokens) {
      await sessions.verify(token);
      await sessions.verify(token);
    }
  },
  async heap() {
    for (let n = 0; n < 3; n++) {
      globalThis.gc!();
      await setImmediate();
    }
    return process.memoryUsage().heapUsed;
  },
};
serve({ ...answers });

async function work(tokens: readonly string[]): Promise<void> {
  for (let next = 0; ;) {
    for (const end = performance.now() + TURN_MS; performance.now() < end;) {
      for (let n = 0; n < 32; n++) await sessions.verify(tokens[next++ % tokens.length]!);
      verified += 32;
      await look();
    }
    await setImmediate();
  }
}

async function look(): Promise<void> {
  if (watched === undefined || watched.isRefused) return;
  try {
    await sessions.verify(watched.token);
  } catch (error) {
    if (!(error instanceof InvalidTokenError)) throw error;
    const at = process.hrtime.bigint().toString();
    watched.isRefused = true;
    // a timer of this resolution is on time when it comes after so long
    watched.refused({ at, lagMs: Math.max(0, lag.max / 1e6 - RESOLUTION_MS) });
  }
}
