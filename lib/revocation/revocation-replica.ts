import type { Ending, Revocation } from './revocation.js';
import { textOf } from './revocation.js';

/** What of an access token decides whether it is revoked. */
export interface RevocableToken {
  readonly sessionId: string;
  /** `jti`. */
  readonly tokenId: string;
  /** Encoded. */
  readonly identity: string;
  readonly tenantHash: string | undefined;
  /** Of its user when it was issued. */
  readonly userEpoch: number;
  /** Of its tenant when it was issued; 0 without one. */
  readonly tenantEpoch: number;
}

interface UserEpoch {
  readonly epoch: number;
  readonly except: string;
  readonly at: number;
}

interface TenantEpoch {
  readonly epoch: number;
  readonly at: number;
}

const HOW: readonly Ending[] = ['r', 'o', 'e', 'u'];

/**
 * Every revocation that an access token still in force can be subject to, in memory. Knows neither Redis nor time:
 * whoever feeds it says when something was ended, by any one clock of whole seconds.
 */
export class RevocationReplica {
  // The value is a small integer, seconds and how it ended in one: an object each would double what 100,000 of them take.
  private readonly sessions = new Map<string, number>();
  private readonly tokens = new Map<string, { readonly sessionId: string; readonly at: number }>();
  private readonly users = new Map<string, UserEpoch>();
  private readonly tenants = new Map<string, TenantEpoch>();

  /** How many are held. */
  get size(): number {
    return this.sessions.size + this.tokens.size + this.users.size + this.tenants.size;
  }

  /** How the session of the token ended, `r` for the token itself; undefined if it is not known to have. */
  endingOf(token: RevocableToken): Ending | undefined {
    const ended = this.sessions.get(token.sessionId);
    if (ended !== undefined) return HOW[ended & 3];
    if (this.tokens.size > 0 && this.tokens.has(token.tokenId)) return 'r';
    if (this.users.size > 0) {
      const user = this.users.get(token.identity);
      if (user !== undefined && token.userEpoch < user.epoch && token.sessionId !== user.except) return 'r';
    }
    if (this.tenants.size > 0 && token.tenantHash !== undefined) {
      const tenant = this.tenants.get(token.tenantHash);
      if (tenant !== undefined && token.tenantEpoch < tenant.epoch) return 'r';
    }
    return undefined;
  }

  hasSession(sessionId: string): boolean {
    return this.sessions.has(sessionId);
  }

  /** The epoch below which tokens of this user are revoked; 0 if none is known. */
  userEpoch(identity: string): number {
    return this.users.get(identity)?.epoch ?? 0;
  }

  /** The same of a tenant. */
  tenantEpoch(tenantHash: string): number {
    return this.tenants.get(tenantHash)?.epoch ?? 0;
  }

  /** Takes one in; what was ended stays ended the way it was first heard of. False where it says nothing new. */
  add(revocation: Revocation, at: number): boolean {
    switch (revocation.kind) {
      case 's':
        return putOnce(this.sessions, revocation.sessionId, at * 4 + HOW.indexOf(revocation.how));
      case 'j':
        return putOnce(this.tokens, revocation.tokenId, { sessionId: revocation.sessionId, at });
      case 'u':
        return putLater(this.users, revocation.identity, { epoch: revocation.epoch, except: revocation.except, at });
      case 't':
        return putLater(this.tenants, revocation.tenantHash, { epoch: revocation.epoch, at });
      case 'd':
        return false;
    }
  }

  /** Forgets what was ended before then: no token of it can be in force. */
  forgetBefore(at: number): void {
    const packed = at * 4;
    forget(this.sessions, (value) => value < packed);
    forget(this.tokens, (value) => value.at < at);
    forget(this.users, (value) => value.at < at);
    forget(this.tenants, (value) => value.at < at);
  }

  /** If there are more, forgets the earliest, a tenth more than need be so that it is not due again at once; else false. */
  forgetBeyond(most: number): boolean {
    if (this.size <= most) return false;
    for (const map of [this.sessions, this.tokens, this.users, this.tenants]) {
      let excess = this.size - most * 0.9;
      for (const key of map.keys()) {
        if (excess-- <= 0) break;
        map.delete(key);
      }
    }
    return true;
  }

  /** Texts of all that was ended since then. */
  *texts(since: number): Generator<string> {
    for (const [sessionId, value] of this.sessions) {
      if (value >= since * 4) yield textOf({ kind: 's', how: HOW[value & 3]!, sessionId });
    }
    for (const [tokenId, { sessionId, at }] of this.tokens) if (at >= since) yield textOf({ kind: 'j', sessionId, tokenId });
    for (const [identity, { at, epoch, except }] of this.users) {
      if (at >= since) yield textOf({ kind: 'u', epoch, except, identity });
    }
    for (const [tenantHash, { at, epoch }] of this.tenants) if (at >= since) yield textOf({ kind: 't', epoch, tenantHash });
  }
}

function putOnce<Value>(map: Map<string, Value>, key: string, value: Value): boolean {
  if (map.has(key)) return false;
  map.set(key, value);
  return true;
}

/** Behind those put before it, so that a map's order is that of time. */
function putLater<Entry extends { epoch: number }>(map: Map<string, Entry>, key: string, entry: Entry): boolean {
  const known = map.get(key);
  if (known !== undefined && known.epoch >= entry.epoch) return false;
  map.delete(key);
  map.set(key, entry);
  return true;
}

/** From the earliest on, up to the first that is to stay. */
function forget<Value>(map: Map<string, Value>, isOld: (value: Value) => boolean): void {
  for (const [key, value] of map) {
    if (!isOld(value)) return;
    map.delete(key);
  }
}
