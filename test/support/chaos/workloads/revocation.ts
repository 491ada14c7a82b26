import { openSessions } from '../../sessions.js';
import type { SessionAction, SessionCall } from '../history.js';
import { outcomeOf } from '../recorder.js';
import { every, type Workload, type WorkloadContext } from '../workload.js';
import { identityOf, type Issued, Known } from './known.js';

const USERS = 10;
const TENANTS = [undefined, undefined, 'acme', 'globex'];

/** What processes tell each other: tokens to present, and names of sessions and tokens that are about to be ended. */
export interface RevocationNews {
  readonly issued?: Issued;
  readonly ending?: readonly string[];
}

/** Signs in, verifies, refreshes and ends sessions, tokens, users and tenants. */
export async function revocationWorkload(context: WorkloadContext): Promise<Workload> {
  const { index, options, random, recorder, presentForMs } = context;
  const known = new Known(random, presentForMs);
  const on = await openSessions(options);
  const { sessions } = on;
  let named = 0;

  const record = <Result>(
    does: SessionAction,
    about: Omit<SessionCall, 'on' | 'does' | 'start' | 'end' | 'outcome'>,
    call: () => Promise<Result>,
    told?: (result: Result) => Partial<SessionCall>,
  ): Promise<unknown> => recorder.record<SessionCall, Result>(does, about, call, told);

  function announce(ending: readonly string[]): void {
    known.ending(ending);
    recorder.share('revocation', { ending } satisfies RevocationNews);
  }

  function keep(issued: Issued): void {
    known.add(issued, true);
    recorder.share('revocation', { issued } satisfies RevocationNews);
  }

  function signIn(): Promise<unknown> {
    const user = `user-${Math.floor(random() * USERS)}`;
    const tenant = TENANTS[Math.floor(random() * TENANTS.length)];
    const of = tenant === undefined ? { user } : { user, tenant };
    const session = `${index}.${(named += 1)}`;
    const about = { session, token: `${session}/0`, identity: identityOf(of), ...(tenant !== undefined && { tenant }) };
    return record(
      'sign-in',
      about,
      () => sessions.create(user, tenant === undefined ? {} : { tenant }),
      ({ sessionId, accessToken, refreshToken }) => {
        keep({ session, sessionId, ...of, token: about.token, accessToken, refreshToken });
        return {};
      },
    );
  }

  /** One at a time of a session: a reply that comes late must not bring back a token that was used up meanwhile. */
  const renewing = new Set<string>();

  async function refresh({ session, refreshToken: presented, ...rest }: Issued): Promise<void> {
    if (renewing.has(session)) return;
    renewing.add(session);
    await record(
      'refresh',
      { session },
      () => sessions.refresh(presented),
      ({ accessToken, refreshToken }) => {
        const token = `${session}/${(named += 1)}`;
        keep({ ...rest, session, token, accessToken, refreshToken });
        return { token };
      },
    );
    renewing.delete(session);
  }

  function endOne(does: SessionAction, { session }: Issued, call: () => Promise<boolean>): Promise<unknown> {
    announce([session]);
    return record(does, { session }, call);
  }

  function endUser({ user, tenant, session, sessionId }: Issued, spares: boolean): Promise<unknown> {
    const identity = identityOf({ user, ...(tenant !== undefined && { tenant }) });
    announce(known.where((one) => identityOf(one) === identity && !(spares && one.session === session)));
    const opts = { ...(tenant !== undefined && { tenant }), ...(spares && { except: sessionId }) };
    return record('revoke-all', { identity, ...(spares && { except: session }) }, () => sessions.revokeAll(user, opts));
  }

  function endTenant(tenant: string): Promise<unknown> {
    announce(known.where((one) => one.tenant === tenant));
    return record('revoke-tenant', { tenant }, () => sessions.revokeTenant(tenant));
  }

  function act(): Promise<unknown> {
    const one = known.any();
    if (one === undefined || known.alive < 20) return signIn();
    const roll = random() * 100;
    const mine = known.mine();
    if (roll < 48 || mine === undefined) return signIn();
    if (roll < 62) return refresh(mine);
    if (roll < 76) return endOne('revoke', one, () => sessions.revoke(one.sessionId));
    if (roll < 81) return endOne('log-out', one, () => sessions.logout(one.accessToken));
    if (roll < 85) return endOne('log-out', one, () => sessions.logout(one.refreshToken));
    if (roll < 92) {
      announce([one.token]);
      return record('revoke-token', { session: one.session, token: one.token }, () => sessions.revokeToken(one.accessToken));
    }
    if (roll < 99) return endUser(one, roll < 96.5);
    return endTenant('acme');
  }

  function present(): Promise<unknown> {
    return Promise.all(
      known.toPresent().map(({ session, token, accessToken }) => record('verify', { session, token }, () => sessions.verify(accessToken))),
    );
  }

  const stops = [every(6, context, present), every(30, context, act)];
  return {
    hear(what) {
      const { issued, ending = [] } = what as RevocationNews;
      if (issued !== undefined) known.add(issued, false);
      known.ending(ending);
    },
    rest: () => stops.forEach((stop) => stop()),
    outcomeOf: (accessToken) => sessions.verify(accessToken).then(() => 'ok', outcomeOf),
    [Symbol.asyncDispose]: () => on[Symbol.asyncDispose](),
  };
}
