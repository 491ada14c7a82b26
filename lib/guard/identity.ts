import type { VerifiedSession } from '../options/index.js';

/** Who sent a request. */
export interface Identity {
  readonly session: VerifiedSession;
  /** The session, or what `guard.userLoader` made of it. */
  readonly user: unknown;
}

/** Where the guard leaves whom it let in: a request, a socket, the context of a message. */
export interface IdentityPlace {
  user?: unknown;
  [PLAIN]?: Identity | undefined;
  [WITH_DATA]?: Identity | undefined;
}

// Two, since handlers of one socket or GraphQL operation share the place: one that did not ask for private data must
// not take it away from one that did. Properties, since a WeakMap costs each request more than all else here.
const PLAIN = Symbol('nestjs-redis-auth:identity');
const WITH_DATA = Symbol('nestjs-redis-auth:identity-with-data');

export function keepIdentity(place: IdentityPlace, identity: Identity | undefined, data: boolean): void {
  if (data) place[WITH_DATA] = identity;
  else place[PLAIN] = identity;
}

/** The other one where there is only that: a strategy of passport does not know the handler. */
export function identityIn(place: IdentityPlace, data: boolean): Identity | undefined {
  return data ? (place[WITH_DATA] ?? place[PLAIN]) : (place[PLAIN] ?? place[WITH_DATA]);
}
