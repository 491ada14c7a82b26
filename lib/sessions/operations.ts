import { from, type Observer, reuses, type TellIds, told } from '../diagnostics/index.js';
import type { VerifiedSession } from '../options/index.js';

/** Methods of a SessionService of which each call is told. */
export const OPERATIONS = [
  'create',
  'verify',
  'refresh',
  'get',
  'list',
  'count',
  'update',
  'touch',
  'regenerate',
  'reauthenticated',
  'revoke',
  'revokeToken',
  'logout',
  'revokeAll',
  'revokeTenant',
] as const;

const OF_USER: ReadonlySet<string> = new Set(['create', 'list', 'count', 'revokeAll']);
const OF_SESSION: ReadonlySet<string> = new Set(['get', 'update', 'touch', 'regenerate', 'reauthenticated', 'revoke']);

/** Whose session a call was about, as far as its first argument and its result say; never a token. */
export const idsOf: TellIds = (method, [first], result) => {
  const { userId, sessionId } = (typeof result === 'object' && result !== null ? result : {}) as { userId?: string; sessionId?: string };
  return {
    ...(OF_USER.has(method) && typeof first === 'string' && { userId: first }),
    ...(OF_SESSION.has(method) && typeof first === 'string' && { sessionId: first }),
    ...(userId !== undefined && { userId }),
    ...(sessionId !== undefined && { sessionId }),
  };
};

/** Of a token that was recalled: no less a verification for having taken no promise. */
export function tellRecall(observer: Observer, since: number, { userId, sessionId }: VerifiedSession): void {
  told('sessions.verify', observer, since, observer.tellsIds ? { userId, sessionId } : {});
}

export function tellReuse(observer: Observer, sessionId: string): void {
  if (reuses.hasSubscribers) reuses.publish({ ...from(observer), ...(observer.tellsIds && { sessionId }) });
}
