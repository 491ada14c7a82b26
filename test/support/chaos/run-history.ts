import type { SessionOptions } from '../../../lib/options/index.js';
import type { Befallen } from './befall.js';
import { openSessions } from '../sessions.js';
import { reasonOf } from '../session-outcomes.js';
import { until } from '../until.js';
import type { Call, Lapse, SessionCall } from './history.js';
import { checkRevoked, ended, type Lag, untouched, type Verdict } from './properties/revoked.js';
import { failuresOf } from './properties/failures.js';
import { runChaos, type RunEnd, type RunPlan } from './run.js';
import type { Issued } from './workloads/known.js';
import type { RevocationNews } from './workloads/revocation.js';

const QUIET_WITHIN_MS = 15_000;

export interface HistoryPlan extends Omit<RunPlan, 'workloads' | 'lookAtTheEnd'> {
  readonly sessions: SessionOptions;
  /** Whether the faults leave every session where it is. */
  readonly keepsData: boolean;
}

export interface History extends Verdict {
  readonly schedule: string;
  /** What is wrong when all is over, and calls that failed in a way they must not, one line each. */
  readonly wrong: readonly string[];
  /** Longest time between an acknowledged end and an accept, by the faults that were there in between. */
  readonly worst: Readonly<Record<string, number>>;
  readonly tokens: number;
  /** Of the first violations: what else was done with that session, and what may have ended it. */
  readonly details: string;
}

/** Lets three processes sign in, verify and revoke under faults, and looks at what they did and what they say afterwards. */
export async function runHistory(plan: HistoryPlan): Promise<History> {
  const { calls, lapses, befallen, schedule, wrong, instances } = await runChaos({
    ...plan,
    sessions: { refreshLeeway: '10m', ...plan.sessions },
    workloads: ['revocation'],
    lookAtTheEnd: (end) => wrongAtTheEnd(end, plan.keepsData),
  });
  const verdict = checkRevoked(calls, { boundMs: plan.boundMs, lapses });
  return {
    ...verdict,
    schedule,
    wrong: [...wrong, ...failuresOf(calls).map(({ calls: [call] }) => call!.outcome)],
    worst: worstByFault(verdict.lags, befallen),
    tokens: issuedBy(instances).size,
    details: explain(verdict, calls, lapses),
  };
}

/** What processes told each other of, by name of the access token. */
function issuedBy({ shared }: RunEnd['instances']): Map<string, Issued> {
  const issued = new Map<string, Issued>();
  for (const { of, what } of shared) {
    const one = of === 'revocation' ? (what as RevocationNews).issued : undefined;
    if (one !== undefined) issued.set(one.token, one);
  }
  return issued;
}

function explain({ violations }: Verdict, history: readonly Call[], lapses: readonly Lapse[]): string {
  const calls = history as readonly SessionCall[];
  const first = calls.reduce((least, { start }) => Math.min(least, start), Infinity);
  const at = (ms: number): number => Math.round(ms - first);
  const lines = lapses.map(({ from, to }) => `lapse ${at(from)}-${at(to)}`);
  for (const { what, call, afterMs } of violations.slice(0, 5)) {
    lines.push(`${what}: ${call.token ?? call.session} on ${call.on} at ${at(call.start)}, ${Math.round(afterMs)} ms after`);
    const signIn = calls.find(({ does, session }) => does === 'sign-in' && session === call.session);
    for (const other of calls) {
      const isAbout =
        other.session === call.session
          ? other.does !== 'verify'
          : other.session === undefined &&
            (other.identity === signIn?.identity || (other.tenant !== undefined && other.tenant === signIn?.tenant));
      if (isAbout) lines.push(`  ${at(other.start)}-${at(other.end)} on ${other.on}: ${other.does} ${other.token ?? ''} ${other.outcome}`);
    }
  }
  return lines.join('\n');
}

/** Asked again until nothing is wrong any more, since quiet takes its time to come. */
export async function wrongAtTheEnd({ setup, keyPrefix, instances }: RunEnd, keepsData: boolean): Promise<string[]> {
  const issued = issuedBy(instances);
  const names = [...issued.keys()];
  const tokens = names.map((name) => [name, issued.get(name)!.accessToken] as [string, string]);
  await using observer = await openSessions({ redis: setup.redisOf(), keyPrefix, sessions: { revocation: 'remote' } });
  const mustGoOn = untouched(instances.calls);
  const mustEnd = ended(instances.calls);
  const isEnded = (name: string): boolean => mustEnd.has(name) || mustEnd.has(name.split('/')[0]!);
  let wrong: string[] = [];
  const look = async (): Promise<boolean> => {
    wrong = [];
    const answers = await instances.audit(tokens);
    for (let from = 0; from < names.length; from += 100) {
      const some = names.slice(from, from + 100);
      const truths = await Promise.all(some.map((name) => reasonOf(observer.sessions.verify(issued.get(name)!.accessToken))));
      for (const [n, name] of some.entries()) {
        const truth = truths[n];
        const says = answers.map((answer) => answer.get(name)!);
        const holds = truth === 'resolved';
        const goesOn = mustGoOn.has(name) && (keepsData || holds);
        if (goesOn && !(holds && says.every((outcome) => outcome === 'ok'))) wrong.push(told('goes on', name, truth, says));
        const isOver = isEnded(name) || !holds;
        if (!isOver || (!holds && says.every((outcome) => outcome.startsWith('refused')))) continue;
        wrong.push(told(isEnded(name) ? 'is over, as somebody was told' : 'is over, as nobody was told', name, truth, says));
        // an end that nobody was told of is told to the feed by whoever comes next to that user
        const { user, tenant } = issued.get(name)!;
        if (!isEnded(name)) await observer.sessions.list(user, tenant === undefined ? {} : { tenant });
      }
    }
    return wrong.length === 0;
  };
  await until(look, { within: QUIET_WITHIN_MS, every: 500 }).catch(() => undefined);
  return wrong;
}

function told(should: string, name: string, truth: unknown, says: readonly string[]): string {
  return `${name} ${should}; Redis says ${String(truth)}, instances ${says.join(', ')}`;
}

function worstByFault(lags: readonly Lag[], befallen: readonly Befallen[]): Record<string, number> {
  const worst: Record<string, number> = {};
  for (const { ms, ending, accept } of lags) {
    const there = befallen.filter(
      ({ where, from, to }) => (where === 'server' || where === accept.on) && from <= accept.start && to >= ending.end - 1_000,
    );
    const name = [...new Set(there.map(({ fault }) => fault))].sort().join(' + ') || 'none';
    worst[name] = Math.max(worst[name] ?? 0, Math.round(ms));
  }
  return worst;
}
