import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSessions } from '../../sessions.js';
import { now, type SessionCall } from '../history.js';
import { every, pick, type Workload, type WorkloadContext } from '../workload.js';

/** What is to be presented by every process at once. */
interface Storm {
  readonly session: string;
  readonly refreshToken: string;
  readonly at: number;
}

/** Refresh tokens of one sign-in, one after the other. */
interface Family {
  readonly session: string;
  readonly sessionId: string;
  readonly user: string;
  /** All that there were, the newest last. */
  readonly refreshTokens: string[];
  isBusy: boolean;
}

const MOST_FAMILIES = 8;
const STORM_IN_MS = 80;

/** Refreshes: alone, at once from every process with the same token, with old tokens, and after the end of a session. */
export async function familiesWorkload(context: WorkloadContext): Promise<Workload> {
  const { index, options, random, recorder } = context;
  const on = await openSessions({ ...options, sessions: { ...(options['sessions'] as object), refreshLeeway: '500ms' } });
  const { sessions } = on;
  const families: Family[] = [];
  let named = 0;

  /** @returns the successor, null if it was refused, undefined if nobody knows */
  async function refresh(session: string, refreshToken: string): Promise<string | null | undefined> {
    let isRefused = false;
    const call = async () => {
      try {
        return await sessions.refresh(refreshToken);
      } catch (error) {
        isRefused = error instanceof Error && error.name === 'InvalidTokenError';
        throw error;
      }
    };
    const tokens = await recorder.record<SessionCall, Awaited<ReturnType<typeof call>>>(
      'refresh',
      { session, presented: nameOf(refreshToken) },
      call,
      (issued) => ({ successor: nameOf(issued.refreshToken) }),
    );
    return isRefused ? null : tokens?.refreshToken;
  }

  async function signIn(): Promise<void> {
    const user = `family-${index}-${(named += 1)}`;
    const session = `f${index}.${named}`;
    await recorder.record(
      'sign-in',
      { session, token: `${session}/0`, identity: user } satisfies Partial<SessionCall>,
      () => sessions.create(user),
      ({ sessionId, refreshToken }) => {
        families.push({ session, sessionId, user, refreshTokens: [refreshToken], isBusy: false });
        return {};
      },
    );
  }

  /** The family goes on by what came back, or is over. */
  function goOn(family: Family, successors: readonly (string | null | undefined)[]): void {
    const next = successors.find((successor) => typeof successor === 'string');
    if (next !== undefined && next !== null && !family.refreshTokens.includes(next)) family.refreshTokens.push(next);
    if (successors.includes(null)) families.splice(families.indexOf(family), 1);
  }

  async function storm(family: Family): Promise<void> {
    const { session } = family;
    const refreshToken = family.refreshTokens.at(-1)!;
    const at = now() + STORM_IN_MS;
    recorder.share('families', { session, refreshToken, at } satisfies Storm);
    await sleep(STORM_IN_MS);
    goOn(family, await Promise.all([refresh(session, refreshToken), refresh(session, refreshToken)]));
  }

  async function act(): Promise<void> {
    if (families.length < MOST_FAMILIES) return signIn();
    const family = pick(
      families.filter(({ isBusy }) => !isBusy),
      random,
    );
    if (family === undefined) return;
    const { session, sessionId, user, refreshTokens } = family;
    const roll = random() * 100;
    family.isBusy = true;
    if (roll < 40) await storm(family);
    else if (roll < 75) goOn(family, [await refresh(session, refreshTokens.at(-1)!)]);
    else if (roll < 92) {
      // the one before the newest, or an older one; by somebody else if it lies further back
      const old = refreshTokens.at(roll < 84 ? -2 : -3) ?? refreshTokens[0]!;
      if (roll < 88) goOn(family, [await refresh(session, old)]);
      else recorder.share('families', { session, refreshToken: old, at: now() } satisfies Storm);
    } else {
      families.splice(families.indexOf(family), 1);
      if (roll < 95) await recorder.record<SessionCall, boolean>('revoke', { session }, () => sessions.revoke(sessionId));
      else if (roll < 98) await recorder.record<SessionCall, boolean>('log-out', { session }, () => sessions.logout(refreshTokens[0]!));
      else await recorder.record<SessionCall, number>('revoke-all', { identity: user }, () => sessions.revokeAll(user));
      await refresh(session, refreshTokens.at(-1)!);
    }
    family.isBusy = false;
  }

  const stop = every(25, context, act);
  return {
    hear(what) {
      const { session, refreshToken, at } = what as Storm;
      void sleep(Math.max(0, at - now())).then(() => refresh(session, refreshToken));
    },
    rest: stop,
    [Symbol.asyncDispose]: () => on[Symbol.asyncDispose](),
  };
}

function nameOf(refreshToken: string): string {
  return createHash('sha256').update(refreshToken).digest('base64url').slice(0, 10);
}
