import { hash } from 'node:crypto';

const TAG_LENGTH = 6;
const TENANT_HASH_LENGTH = 22;
const SESSION_ID = /^[A-Za-z0-9_-]{6}(?:[A-Za-z0-9_-]{22}){1,2}$/;
const NEEDS_NO_ESCAPE = /^[A-Za-z0-9_.@+-]+$/;

/** Whom a session or token belongs to. No tenant means the user without one, never all tenants. */
export interface Identity {
  readonly userId: string;
  readonly tenant?: string;
}

/**
 * Names of the keys. Everything of one identity lies in one Cluster slot, by a tag that is a short hash of it;
 * the tag is part of the public session id, so that a key can be computed from the credential alone.
 *
 * | key                          | type   | holds                                                        |
 * |------------------------------|--------|--------------------------------------------------------------|
 * | `<prefix>s:{tag}<rest>`      | hash   | one session, or the tombstone of an ended one                |
 * | `<prefix>u:{tag}<identity>`  | zset   | the identity's live sessions, scored by their expiry (ms)    |
 * | `<prefix>r:{tag}<hash>`      | string | first answer to a `requestId`, for 60 s                      |
 * | `<prefix>x:{tag}<rest>`      | string | expiry marker, only with `keyspaceNotifications`             |
 * | `<prefix>t:{tenant hash}`    | string | epoch of a tenant                                            |
 * | `<prefix>f:{feed}stream`     | stream | the feed of revocations                                      |
 * | `<prefix>f:{feed}anchor`     | hash   | since when the feed is complete                              |
 */
export class KeySpace {
  constructor(private readonly prefix: string) {}

  session(sessionId: string): string {
    return `${this.prefix}s:{${tagOf(sessionId)}}${restOf(sessionId)}`;
  }

  user(tag: string, identity: string): string {
    return `${this.prefix}u:{${tag}}${identity}`;
  }

  request(tag: string, requestHash: string): string {
    return `${this.prefix}r:{${tag}}${requestHash}`;
  }

  tenant(tenantHash: string): string {
    return `${this.prefix}t:{${tenantHash}}`;
  }

  get feed(): string {
    return `${this.prefix}f:{feed}stream`;
  }

  get feedAnchor(): string {
    return `${this.prefix}f:{feed}anchor`;
  }

  /** Key names of expiry markers start with this. */
  get expiryMarkers(): string {
    return `${this.prefix}x:`;
  }

  /** Pub/sub channel of the session events of a database. */
  eventChannel(database: number): string {
    return database === 0 ? `${this.prefix}events` : `${this.prefix}events:${database}`;
  }
}

/** One string per identity: no two identities share it, and it holds no space, colon of its own, or brace. */
export function encodeIdentity({ userId, tenant }: Identity): string {
  return tenant === undefined ? escapeText(userId) : `${escapeText(tenant)}:${escapeText(userId)}`;
}

export function decodeIdentity(identity: string): Identity {
  const colon = identity.indexOf(':');
  if (colon < 0) return { userId: decodeURIComponent(identity) };
  return { userId: decodeURIComponent(identity.slice(colon + 1)), tenant: decodeURIComponent(identity.slice(0, colon)) };
}

/** 36 bits of the identity's hash: enough to spread over slots; identities that share a tag share nothing else. */
export function slotTag(identity: string): string {
  return hash('sha256', identity, 'base64url').slice(0, TAG_LENGTH);
}

/** 128 bits; names the key of the tenant's epoch. */
export function hashTenant(tenant: string): string {
  return hash('sha256', `tenant:${tenant}`, 'base64url').slice(0, TENANT_HASH_LENGTH);
}

export function isSessionId(value: string): boolean {
  return SESSION_ID.test(value);
}

export function tagOf(sessionId: string): string {
  return sessionId.slice(0, TAG_LENGTH);
}

/** What follows the tag: the session's name within its slot, and its member in the index. */
export function restOf(sessionId: string): string {
  return sessionId.slice(TAG_LENGTH);
}

/** Undefined for a session without a tenant. */
export function tenantHashOf(sessionId: string): string | undefined {
  return sessionId.length > TAG_LENGTH + TENANT_HASH_LENGTH ? sessionId.slice(TAG_LENGTH, TAG_LENGTH + TENANT_HASH_LENGTH) : undefined;
}

/** Whether the id was made for this encoded identity; a forged pair of `sid` and `sub` fails here without a command. */
export function sessionBelongsTo(sessionId: string, identity: string, tenant: string | undefined): boolean {
  if (!isSessionId(sessionId)) return false;
  return tagOf(sessionId) === slotTag(identity) && tenantHashOf(sessionId) === (tenant === undefined ? undefined : hashTenant(tenant));
}

/** The same text for no two texts, without space, colon or brace. */
export function escapeText(text: string): string {
  return NEEDS_NO_ESCAPE.test(text) ? text : encodeURIComponent(text);
}
