import { Injectable } from '@nestjs/common';
import { type Observer, Traced } from '../diagnostics/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import type { LiveSessionToken, SessionService } from '../sessions/index.js';
import type { StoredToken, TokenStore } from '../tokens/index.js';
import { clientOf, OpaqueTokens, type ServedTokens } from './opaque-tokens.js';
import { checkPresented, type PresentedToken } from './presented-token.js';

/** What is told of a token that is in force (RFC 7662, section 2.2). Times are whole seconds since 1970. */
export interface ActiveToken {
  active: true;
  /** Absent for a refresh token, which no resource server may take. */
  token_type?: 'Bearer';
  /** The user of a session; the owner of an opaque token. */
  sub: string;
  iss: string;
  /** Of a session's tokens; that of a refresh token is the issuer alone. */
  aud?: string | string[];
  /** Space-separated; of an opaque token, `data.scope`. */
  scope?: string;
  /** Of an opaque token, `data.client_id`. */
  client_id?: string;
  /** The claim of that name of an access token. */
  username?: string;
  /** Absent for an opaque token that does not expire. */
  exp?: number;
  iat?: number;
  nbf?: number;
  jti?: string;
  /** Of a session's tokens. */
  sid?: string;
  tenant?: string;
  /** Of an access token. */
  auth_time?: number;
}

export type IntrospectionAnswer = ActiveToken | { active: false };

/** Who asks what a token is worth. */
export interface IntrospectedToken extends PresentedToken {
  /** The resource server that asks: session tokens for others are not active to it, nor are refresh tokens; opaque tokens name none. */
  audience?: string;
}

/** What a verified access token says that the answer repeats; custom claims can be read in the token itself. */
const TOLD_CLAIMS = ['scope', 'exp', 'iat', 'nbf', 'sub', 'aud', 'iss', 'jti', 'sid', 'tenant', 'auth_time'] as const;

/**
 * Token introspection by RFC 7662, for access and refresh tokens of sessions and for opaque tokens of the types given.
 *
 * Provided by RedisAuthOAuthModule, and usable by hand: `new TokenIntrospection(sessions, tokens, ['api-key'])`.
 */
@Injectable()
@Traced<TokenIntrospection>('introspection', ['introspect'])
export class TokenIntrospection {
  private readonly opaque: OpaqueTokens;

  constructor(
    private readonly sessions: SessionService,
    tokens: TokenStore,
    tokenTypes: readonly ServedTokens[] = [],
  ) {
    this.opaque = new OpaqueTokens(tokens, tokenTypes);
  }

  /** @internal */
  get observer(): Observer {
    return this.sessions.observer;
  }

  /**
   * What the token is worth now; exactly `{ active: false }` for one that is unknown, expired, ended, malformed or
   * somebody else's, without saying which. With a `clientId`, so is an opaque token whose `data.client_id` is another:
   * give it where clients ask about their own tokens, and leave it out where resource servers ask.
   *
   * Nothing is used up or extended by it. A refresh token is active only while it is the current one of its session:
   * one that was rotated is not, even while `refresh` still takes it. Redis is asked whatever `sessions.revocation` is.
   * Private data of sessions and tokens is never told, but for `scope` and `client_id` of an opaque token.
   *
   * One round trip: one command for a session's token (one beside it for a tenant), one for each type of opaque tokens.
   * A token that cannot be of this package's making costs none.
   *
   * @throws InvalidArgumentError before any command, where an argument is not a string
   * @throws StoreUnavailableError where Redis cannot be asked
   */
  async introspect(presented: IntrospectedToken): Promise<IntrospectionAnswer> {
    const token = checkPresented(presented);
    const { clientId, audience } = presented;
    if (audience !== undefined && typeof audience !== 'string') throw new InvalidArgumentError('audience', 'must be a string');
    if (token === undefined) return { active: false };

    const live = await this.sessions.presented.look(token);
    if (live !== null) {
      const answer = ofSession(live, this.sessions.presented.issuer);
      return audience === undefined || names(answer.aud, audience) ? answer : { active: false };
    }
    const found = await this.opaque.find(token);
    const stored = found.find((candidate) => clientId === undefined || (clientOf(candidate) ?? clientId) === clientId);
    return stored === undefined ? { active: false } : ofOpaque(stored, this.sessions.presented.issuer);
  }
}

function ofSession(live: LiveSessionToken, iss: string): ActiveToken {
  if (live.kind === 'access') {
    const { payload } = live;
    const told = Object.fromEntries(TOLD_CLAIMS.filter((name) => Object.hasOwn(payload, name)).map((name) => [name, payload[name]]));
    const { username } = payload;
    return { active: true, token_type: 'Bearer', ...told, ...(typeof username === 'string' && { username }) } as ActiveToken;
  }
  const { identity, sessionId, scope, expiresMs } = live;
  return {
    active: true,
    ...(scope !== undefined && { scope }),
    exp: Math.floor(expiresMs / 1000),
    sub: identity.userId,
    aud: iss,
    iss,
    sid: sessionId,
    ...(identity.tenant !== undefined && { tenant: identity.tenant }),
  };
}

function ofOpaque(stored: StoredToken, iss: string): ActiveToken {
  const { owner, id, createdAt, expiresAt, data } = stored;
  const { scope } = data;
  const clientId = clientOf(stored);
  return {
    active: true,
    token_type: 'Bearer',
    ...(typeof scope === 'string' && { scope }),
    ...(clientId !== undefined && { client_id: clientId }),
    ...(expiresAt !== null && { exp: Math.floor(expiresAt.getTime() / 1000) }),
    iat: Math.floor(createdAt.getTime() / 1000),
    sub: owner,
    iss,
    jti: id,
  };
}

function names(aud: string | string[] | undefined, audience: string): boolean {
  return typeof aud === 'string' ? aud === audience : aud?.includes(audience) === true;
}
