import { InvalidTokenError, OAuthRequestError } from '../errors/index.js';
import type { AccessTokenVerifier } from '../jwt/index.js';
import { decodeIdentity, type Identity, type KeySpace, tenantHashOf } from '../redis/index.js';
import { LOOK_AT_REFRESH_TOKEN } from './presented-token.lua.js';
import { hashSecret, type RefreshTokenCodec } from './refresh-token.js';
import type { ScriptCalls } from './script-calls.js';
import type { SessionEndings } from './session-endings.js';
import type { SessionStore } from './session-store.js';

/** A token of a session that is in force. */
export type LiveSessionToken =
  | { readonly kind: 'access'; /** All that the token says, verified. */ readonly payload: Readonly<Record<string, unknown>> }
  | {
      readonly kind: 'refresh';
      readonly identity: Identity;
      readonly sessionId: string;
      /** Space-separated; undefined for none. */
      readonly scope: string | undefined;
      readonly expiresMs: number;
    };

/**
 * Tokens of either kind as somebody else presents them: a resource server that asks what one is worth, a client that
 * gives one back.
 */
export class PresentedTokens {
  constructor(
    readonly issuer: string,
    private readonly verifier: AccessTokenVerifier,
    private readonly codec: RefreshTokenCodec,
    private readonly store: SessionStore,
    private readonly endings: SessionEndings,
    private readonly calls: ScriptCalls,
    private readonly keys: KeySpace,
    private readonly revocation: 'local' | 'remote' | 'off',
  ) {}

  /**
   * What the token stands for; null unless it is in force. Changes nothing. Redis is asked with `revocation: 'off'`, too.
   * Of refresh tokens only the current one is in force, though `refresh` may take the one before it for `refreshLeeway`.
   */
  look(token: string): Promise<LiveSessionToken | null> {
    return refusedAs(null, () => (isRefreshToken(token) ? this.lookAtRefreshToken(token) : this.lookAtAccessToken(token)));
  }

  /**
   * Ends the session of a genuine token, even an expired or an older one; false for one that is forged, malformed or of a
   * session that has ended.
   */
  logOut(token: string): Promise<boolean> {
    return refusedAs(false, () => {
      if (isRefreshToken(token)) return this.endChain('sessions.logout', token, 'o', 'logout');
      const { sessionId, identity } = this.verifier.verifyGenuine(token);
      return this.endings.end('sessions.logout', sessionId, 'o', 'logout', { identity });
    });
  }

  /**
   * As {@link logOut}, for a client that gives a token back: false for an expired access token, too. A refresh token
   * that was rotated is still its client's, and ends the session.
   *
   * @throws OAuthRequestError for an access token with `revocation: 'off'`: nothing would stop its use
   */
  end(token: string): Promise<boolean> {
    return refusedAs(false, () => {
      if (isRefreshToken(token)) return this.endChain('revocation.revoke', token, 'r', 'token revoked');
      const { sessionId, identity } = this.verifier.verify(token);
      if (this.revocation === 'off') {
        throw new OAuthRequestError('unsupported_token_type', 'access tokens are valid until they expire here; revoke the refresh token');
      }
      return this.endings.end('revocation.revoke', sessionId, 'r', 'token revoked', { identity });
    });
  }

  private endChain(operation: string, token: string, how: 'r' | 'o', reason: string): Promise<boolean> {
    const { sessionId, secret } = this.codec.open(token);
    return this.endings.end(operation, sessionId, how, reason, { hash: hashSecret(secret) });
  }

  private async lookAtAccessToken(token: string): Promise<LiveSessionToken | null> {
    const reply = await this.store.verify(this.verifier.verify(token), false);
    if (typeof reply === 'string') return null;
    return { kind: 'access', payload: JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown> };
  }

  private async lookAtRefreshToken(token: string): Promise<LiveSessionToken | null> {
    const { sessionId, secret, generation } = this.codec.open(token);
    const keys = [this.keys.session(sessionId)];
    const args = [hashSecret(secret), generation];
    const tenant = tenantHashOf(sessionId);
    return this.calls.look(
      'introspection.introspect',
      tenant,
      LOOK_AT_REFRESH_TOKEN,
      keys,
      args,
      (reply, epoch): LiveSessionToken | null => {
        if (reply === null || reply[3] !== epoch) return null;
        const [identity, expires, scope] = reply;
        return { kind: 'refresh', identity: decodeIdentity(identity), sessionId, scope: scope ?? undefined, expiresMs: Number(expires) };
      },
    );
  }
}

/** What `act` results in; `refused` where it finds the token not in force. */
export async function refusedAs<Refused, Result>(refused: Refused, act: () => Promise<Result>): Promise<Result | Refused> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof InvalidTokenError) return refused;
    throw error;
  }
}

function isRefreshToken(token: string): boolean {
  return token.split('.', 5).length === 5;
}
