import { type Call, isWithin, type Lapse, type SessionAction, type SessionCall } from '../history.js';

export interface Promised {
  /** Milliseconds between the acknowledgement of an ending and the last accept that may begin. */
  readonly boundMs: number;
  /** For what is acknowledged within one that takes the last writes with it, the bound counts from its end. */
  readonly lapses?: readonly Lapse[];
}

/** An accept or a renewal after an end. */
export interface LateAccept {
  readonly what: 'accepted late' | 'accepted by who ended it' | 'renewed';
  readonly call: SessionCall;
  readonly ending: SessionCall;
  /** Since the acknowledgement. */
  readonly afterMs: number;
}

/** The last accept by another instance after an acknowledged end. */
export interface Lag {
  readonly ms: number;
  readonly ending: SessionCall;
  readonly accept: SessionCall;
}

export interface Verdict {
  readonly violations: readonly LateAccept[];
  /** Longest first, one per ending. */
  readonly lags: readonly Lag[];
  readonly endings: number;
  readonly accepts: number;
  readonly refusals: number;
}

const ENDS: ReadonlySet<string> = new Set<SessionAction>(['revoke', 'log-out', 'revoke-token', 'revoke-all', 'revoke-tenant']);
const OF_SESSIONS: ReadonlySet<string> = new Set<SessionAction>(['sign-in', 'refresh', 'verify', ...(ENDS as Set<SessionAction>)]);

function ofSessions(calls: readonly Call[]): SessionCall[] {
  return calls.filter((call): call is SessionCall => OF_SESSIONS.has(call.does));
}

/** Whether it ends something, and whoever asked for it was told that it has. */
function isAcknowledged({ does, outcome }: SessionCall): boolean {
  return (ENDS.has(does) && (outcome === 'ok' || outcome === 'was not live')) || (does === 'refresh' && outcome === 'refused: reused');
}

/** Whether it may have ended something. */
function endsSomething({ does, outcome }: SessionCall): boolean {
  return ENDS.has(does) || (does === 'refresh' && outcome.startsWith('refused'));
}

/**
 * No accept begins later than the bound after an acknowledged end, on no instance; none at all on the instance that ended
 * it, and no renewal anywhere. What an ending is about is what was acknowledged to have begun before it was asked for.
 */
export function checkRevoked(history: readonly Call[], promised: Promised): Verdict {
  const calls = ofSessions(history);
  const endings = endingsBySubject(calls);
  const lags = new Map<SessionCall, Lag>();
  const violations: LateAccept[] = [];
  let [accepts, refusals] = [0, 0];
  for (const call of calls) {
    if (call.does === 'verify') {
      if (call.outcome === 'ok') accepts += 1;
      else if (call.outcome.startsWith('refused')) refusals += 1;
    }
    if (call.outcome !== 'ok' || (call.does !== 'verify' && call.does !== 'refresh')) continue;
    const ofToken = call.does === 'verify' ? endings.get(call.token ?? '') : undefined;
    for (const ending of [...(endings.get(call.session ?? '') ?? []), ...(ofToken ?? [])]) {
      const ms = call.start - ending.end;
      if (ms <= 0) continue;
      const what = judged(call, ending, promised);
      if (what !== undefined) violations.push({ what, call, ending, afterMs: ms });
      if (call.does === 'verify' && ms > (lags.get(ending)?.ms ?? 0)) lags.set(ending, { ms, ending, accept: call });
    }
  }
  return {
    violations,
    lags: [...lags.values()].sort((one, other) => other.ms - one.ms),
    endings: calls.filter(isAcknowledged).length,
    accepts,
    refusals,
  };
}

function judged(call: SessionCall, ending: SessionCall, { boundMs, lapses = [] }: Promised): LateAccept['what'] | undefined {
  // what one failover spared the next may lose
  const ends = lapses.filter((lapse) => lapse.loses === 'last writes' && isWithin(lapse, ending)).map(({ to }) => to);
  const since = call.start - Math.max(ending.end, ...ends);
  if (call.does === 'refresh') return since > (ends.length === 0 ? 0 : boundMs) ? 'renewed' : undefined;
  if (since > boundMs) return 'accepted late';
  // what was ended before by somebody else may be known to Redis alone
  if (call.on === ending.on && ending.outcome === 'ok') return 'accepted by who ended it';
  return undefined;
}

/** Acknowledged endings by the name of each session or token that they are about. */
function endingsBySubject(calls: readonly SessionCall[]): Map<string, SessionCall[]> {
  return bySubject(calls, calls.filter(isAcknowledged), (signIn, ending) => signIn.end < ending.start);
}

function bySubject(
  calls: readonly SessionCall[],
  endings: readonly SessionCall[],
  concerns: (signIn: SessionCall, ending: SessionCall) => boolean,
): Map<string, SessionCall[]> {
  const signIns = new Map<string, SessionCall[]>();
  for (const call of calls) {
    if (call.does !== 'sign-in' || call.outcome !== 'ok') continue;
    put(signIns, call.identity!, call);
    if (call.tenant !== undefined) put(signIns, `@${call.tenant}`, call);
  }
  const subjects = new Map<string, SessionCall[]>();
  for (const ending of endings) {
    const { does, token, session, tenant, identity, except } = ending;
    if (does === 'revoke-token') put(subjects, token!, ending);
    else if (session !== undefined) put(subjects, session, ending);
    else {
      for (const signIn of signIns.get(does === 'revoke-tenant' ? `@${tenant}` : identity!) ?? []) {
        if (signIn.session !== except && concerns(signIn, ending)) put(subjects, signIn.session!, ending);
      }
    }
  }
  return subjects;
}

function put<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}

/** Names of the access tokens that nobody tried to end, nor their sessions: they have to go on. */
export function untouched(history: readonly Call[]): Set<string> {
  const calls = ofSessions(history);
  // what was not acknowledged may still be done at any time
  const mayConcern = (signIn: SessionCall, ending: SessionCall): boolean => !isAcknowledged(ending) || signIn.start <= ending.end;
  const touched = bySubject(calls, calls.filter(endsSomething), mayConcern);
  const tokens = new Set<string>();
  for (const { does, outcome, session, token } of calls) {
    if ((does !== 'sign-in' && does !== 'refresh') || outcome !== 'ok') continue;
    if (!touched.has(session!) && !touched.has(token!)) tokens.add(token!);
  }
  return tokens;
}

/** Names of the sessions and tokens that somebody was told have been ended. */
export function ended(calls: readonly Call[]): Set<string> {
  return new Set(endingsBySubject(ofSessions(calls)).keys());
}
