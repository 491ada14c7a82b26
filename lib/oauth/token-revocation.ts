import { Injectable } from '@nestjs/common';
import { type Observer, Traced } from '../diagnostics/index.js';
import { OAuthRequestError } from '../errors/index.js';
import type { SessionService } from '../sessions/index.js';
import type { TokenStore } from '../tokens/index.js';
import { clientOf, OpaqueTokens, type ServedTokens } from './opaque-tokens.js';
import { checkPresented, type PresentedToken } from './presented-token.js';

/**
 * Token revocation by RFC 7009, for access and refresh tokens of sessions and for opaque tokens of the types given.
 *
 * Provided by RedisAuthOAuthModule, and usable by hand: `new TokenRevocation(sessions, tokens, ['api-key'])`. Tokens of
 * other types, issuers, instances or key prefixes are unknown here.
 */
@Injectable()
@Traced<TokenRevocation>('revocation', ['revoke'])
export class TokenRevocation {
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
   * Ends what the token stands for: of a session's tokens, either one ends the session with all of its tokens (a refresh
   * token that was rotated, too); an opaque token ends alone. True where something ended; false, and no error, for
   * tokens that are unknown, expired, ended, malformed or somebody else's.
   *
   * One round trip for a session's token; else a look-up in each type and, where it is found, its deletion: two round
   * trips, and a commandTimeout each. A forged token costs no command of its own. Repeating is always safe.
   *
   * @throws OAuthRequestError `invalid_grant` where `data.client_id` of an opaque token is not the `clientId` given: nothing
   * ends; `unsupported_token_type` for a valid access token where sessions have `revocation: 'off'`
   * @throws InvalidArgumentError before any command, where an argument is not a string
   * @throws StoreUnavailableError where Redis cannot be asked: the token may go on living
   */
  async revoke(presented: PresentedToken): Promise<boolean> {
    const token = checkPresented(presented);
    if (token === undefined) return false;
    if (await this.sessions.presented.end(token)) return true;

    const found = await this.opaque.find(token);
    const { clientId } = presented;
    if (clientId !== undefined && found.some((stored) => (clientOf(stored) ?? clientId) !== clientId)) {
      throw new OAuthRequestError('invalid_grant', 'the token was issued to another client');
    }
    const ended = await Promise.all(found.map((stored) => this.opaque.end(stored)));
    return ended.includes(true);
  }
}
