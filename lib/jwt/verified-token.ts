import { hash } from 'node:crypto';
import type { VerifiedSession } from '../options/index.js';
import { isStamped, originOf, type TokenOrigin } from './token-id.js';

/** What the claims of a genuine token say. */
export interface TokenClaims {
  readonly userId: string;
  readonly tenant: string | undefined;
  /** Of user and tenant, encoded. */
  readonly identity: string;
  readonly tenantHash: string | undefined;
  readonly sessionId: string;
  readonly tokenId: string;
  readonly scopes: readonly string[];
  /** Those of the application; undefined for none. */
  readonly claims: Readonly<Record<string, unknown>> | undefined;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly authTimeMs: number;
}

/** An access token that was found genuine. It may be kept and used again; what is handed out of it is not shared. */
export class VerifiedToken {
  /** In which generation of the feed Redis said that it is in force; -1 for none yet. */
  confirmedIn = -1;

  readonly userId: string;
  readonly tenant: string | undefined;
  readonly identity: string;
  readonly tenantHash: string | undefined;
  readonly sessionId: string;
  /** `jti`, or a hash of one that others made. */
  readonly tokenId: string;
  readonly expiresAtMs: number;
  readonly origin: TokenOrigin;

  private readonly claims: Readonly<Record<string, unknown>> | undefined;
  private readonly scopes: readonly string[];
  private readonly issuedAtMs: number;
  private readonly authTimeMs: number;
  private askedOf = '';
  private isOfAsked = false;

  constructor(said: TokenClaims) {
    this.userId = said.userId;
    this.tenant = said.tenant;
    this.identity = said.identity;
    this.tenantHash = said.tenantHash;
    this.sessionId = said.sessionId;
    this.tokenId = isPlain(said.tokenId) ? said.tokenId : hash('sha256', said.tokenId, 'base64url');
    this.scopes = said.scopes;
    this.claims = said.claims;
    this.issuedAtMs = said.issuedAtMs;
    this.expiresAtMs = said.expiresAtMs;
    this.authTimeMs = said.authTimeMs;
    this.origin = originOf(said.tokenId);
  }

  get userEpoch(): number {
    return this.origin.userEpoch;
  }

  get tenantEpoch(): number {
    return this.origin.tenantEpoch;
  }

  /** From its issue to its expiry. */
  get lifetimeMs(): number {
    return this.expiresAtMs - this.issuedAtMs;
  }

  /** Whether it was issued for a session of that data set; its id says so, unless others have made it. */
  isOf(dataset: string): boolean {
    if (this.askedOf !== dataset) {
      this.askedOf = dataset;
      this.isOfAsked = dataset !== '' && isStamped(this.tokenId, this.sessionId, dataset);
    }
    return this.isOfAsked;
  }

  /** Whether it expires after it was issued. */
  get isInOrder(): boolean {
    return this.lifetimeMs > 0;
  }

  /** A session of the caller's own: it may be changed without changing what the next caller gets. */
  toSession(nowMs: number): VerifiedSession {
    const session: VerifiedSession = {
      userId: this.userId,
      sessionId: this.sessionId,
      claims: this.claims === undefined ? {} : (copyOf(this.claims) as Record<string, unknown>),
      scopes: this.scopes.length === 0 ? [] : [...this.scopes],
      issuedAt: new Date(this.issuedAtMs),
      expiresAt: new Date(this.expiresAtMs),
      ttl: Math.max(0, Math.floor((this.expiresAtMs - nowMs) / 1000)),
      authTime: new Date(this.authTimeMs),
    };
    if (this.tenant !== undefined) session.tenant = this.tenant;
    return session;
  }
}

function isPlain(tokenId: string): boolean {
  return tokenId.length <= 96 && /^[\w.-]+$/.test(tokenId);
}

/** Of a value that came out of JSON, so without circles. */
function copyOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf);
  // a spread takes `__proto__` as the plain property it is here
  const copy: Record<string, unknown> = { ...value };
  for (const [name, inner] of Object.entries(copy)) {
    if (typeof inner === 'object' && inner !== null) {
      Object.defineProperty(copy, name, { value: copyOf(inner), writable: true, enumerable: true, configurable: true });
    }
  }
  return copy;
}
