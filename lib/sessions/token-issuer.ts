import { hash } from 'node:crypto';
import { randomText } from '../data/index.js';
import { RedisAuthConfigError } from '../errors/index.js';
import { type AccessTokenContent, type AccessTokenSigner, DEFAULT_KID, NO_ORIGIN, type TokenOrigin } from '../jwt/index.js';
import type { ResolvedSessionOptions } from '../options/index.js';
import { encodeIdentity, hashTenant, type Identity, restOf, slotTag, tagOf, tenantHashOf } from '../redis/index.js';
import { hashSecret, type RefreshTokenCodec } from './refresh-token.js';
import type { CheckedInit } from './session-arguments.js';
import type { Grant } from './session-replies.js';
import type { Chain, RepeatKey } from './session-store.js';
import type { SessionTokens } from './session-types.js';

/** A chain just made, whose secret goes to the client and nowhere else. */
export interface NewChain extends Chain {
  readonly secret: string;
  /** Present where a repeat of the request may ask for the same answer. */
  readonly repeat?: RepeatKey;
}

/** Makes ids, secrets and tokens; knows nothing of Redis but what a script granted. */
export class TokenIssuer {
  constructor(
    private readonly signer: AccessTokenSigner,
    private readonly codec: RefreshTokenCodec,
    private readonly options: ResolvedSessionOptions,
    /** Which set of data the sessions are in. */
    private readonly dataset: () => string,
  ) {}

  /** @throws InvalidArgumentError when the access token would be too large */
  assertFits(identity: Identity, sessionId: string, { claims, scopes }: Pick<CheckedInit, 'claims' | 'scopes'>): void {
    this.signer.assertFits(contentOf(identity, sessionId, claims, scopes));
  }

  /** Bytes that an access token of ours has for claims, scopes and identity. */
  get room(): number {
    return this.signer.room;
  }

  /** The kid under which this instance mints, as it is stored: `''` for the default. */
  get kid(): string {
    const { kid } = this.codec;
    if (this.signer.canSign && kid !== undefined) return stored(kid);
    throw new RedisAuthConfigError([
      { path: 'jwt', message: 'this module only verifies: give jwt.secret or jwt.privateKey to issue and refresh tokens' },
    ]);
  }

  /** With a requestId the secret is derived from a nonce, so that a repeat gets it again and nothing secret is stored. */
  signIn(identity: Identity, requestId: string | undefined): NewChain {
    const { kid } = this;
    const sessionId = newSessionId(identity);
    if (requestId === undefined) return newChain(sessionId, kid, randomSecret());
    const nonce = randomSecret();
    const scope = JSON.stringify(['sessions.create', encodeIdentity(identity), requestId]);
    return {
      ...newChain(sessionId, kid, this.codec.deriveSecret(minting(kid), nonce)),
      repeat: { hash: hash('sha256', scope, 'base64url').slice(0, 22), answer: `${restOf(sessionId)}.${nonce}.${minting(kid)}` },
    };
  }

  /** A new chain under the same id. */
  renew(sessionId: string): NewChain {
    return newChain(sessionId, this.kid, randomSecret());
  }

  /** A new chain under a new id in the same slot. */
  replace(sessionId: string): NewChain {
    return this.renew(tagOf(sessionId) + (tenantHashOf(sessionId) ?? '') + randomPart());
  }

  issue(sessionId: string, secret: string, grant: Grant): SessionTokens {
    const access = this.signer.sign(contentOf(grant.identity, sessionId, grant.claims, grant.scopes), {
      lifetimeMs: Math.min(grant.accessTokenTtlMs ?? this.options.accessTokenTtlMs, grant.restMs),
      authAgeMs: grant.authAgeMs,
      origin: grant.origin,
      // of a session that has ended meanwhile: whoever is shown it has to ask
      dataset: grant.origin === NO_ORIGIN ? '' : this.dataset(),
    });
    return {
      sessionId,
      accessToken: access.token,
      refreshToken: this.codec.mint(minting(grant.kid), sessionId, secret, grant.generation),
      tokenType: 'Bearer',
      expiresIn: access.expiresAt - access.issuedAt,
      accessTokenExpiresAt: new Date(access.expiresAt * 1000),
      refreshTokenExpiresAt: new Date(grant.expiresMs),
      refreshExpiresIn: Math.floor(grant.restMs / 1000),
    };
  }

  /** The first pair of a session that was just stored, to live until `expiresMs`. */
  first(
    identity: Identity,
    { sessionId, secret, kid }: NewChain,
    init: CheckedInit,
    expiresMs: number,
    origin: TokenOrigin,
  ): SessionTokens {
    return this.issue(sessionId, secret, firstGrant(identity, init, kid, expiresMs, origin));
  }

  /**
   * The first answer to a request again. If its session has ended meanwhile (no grant), its tokens are given all the
   * same, and are refused like any other of it.
   */
  reissue(identity: Identity, init: CheckedInit, answer: string, grant: Grant | undefined): SessionTokens {
    const [rest, nonce, kid] = answer.split('.') as [string, string, string];
    const first = grant ?? firstGrant(identity, init, '', Date.now() + restOfLife(init), NO_ORIGIN);
    return this.issue(slotTag(encodeIdentity(identity)) + rest, this.codec.deriveSecret(kid, nonce), {
      ...first,
      kid: stored(kid),
      generation: 1,
    });
  }
}

function restOfLife({ idleTimeoutMs, absoluteTimeoutMs }: CheckedInit): number {
  return Math.min(idleTimeoutMs, absoluteTimeoutMs);
}

// Written out, here and below: spreading costs microseconds on the way of every sign-in.
function firstGrant(identity: Identity, init: CheckedInit, kid: string, expiresMs: number, origin: TokenOrigin): Grant {
  const { claims, scopes, accessTokenTtlMs } = init;
  return { identity, claims, scopes, accessTokenTtlMs, generation: 1, kid, restMs: restOfLife(init), authAgeMs: 0, expiresMs, origin };
}

function contentOf(
  { userId, tenant }: Identity,
  sessionId: string,
  claims: Record<string, unknown>,
  scopes: readonly string[],
): AccessTokenContent {
  return tenant === undefined ? { userId, sessionId, claims, scopes } : { userId, tenant, sessionId, claims, scopes };
}

function newChain(sessionId: string, kid: string, secret: string): NewChain {
  return { sessionId, secret, hash: hashSecret(secret), kid };
}

function newSessionId(identity: Identity): string {
  return slotTag(encodeIdentity(identity)) + (identity.tenant === undefined ? '' : hashTenant(identity.tenant)) + randomPart();
}

function randomPart(): string {
  return randomText(16);
}

function randomSecret(): string {
  return randomText(32);
}

/** The default is not worth its bytes in each session. */
function stored(kid: string): string {
  return kid === DEFAULT_KID ? '' : kid;
}

function minting(storedKid: string): string {
  return storedKid === '' ? DEFAULT_KID : storedKid;
}
