import { InvalidArgumentError, InvalidTokenError } from '../errors/index.js';
import type { ResolvedJwtKey, ResolvedJwtOptions, VerifiedSession } from '../options/index.js';
import { readAccessTokenClaims } from './access-token-claims.js';
import { decodeBase64url, decodeJsonObject } from './json-segment.js';
import { JWS } from './jws.js';
import { ACCESS_TOKEN_TYPE, encodeHeader } from './jws-header.js';

/** No access token is longer, and nothing longer is looked at. */
export const MAX_ACCESS_TOKEN_BYTES = 8192;

/**
 * Checks everything about an access token that can be checked without Redis: form, key, algorithm, type
 * (RFC 9068), signature, and each claim. Pure computation, by this process's clock.
 */
export class AccessTokenVerifier {
  /** Our own tokens start with one of these texts: one look-up instead of parsing the header. */
  private readonly keysByHeader: ReadonlyMap<string, ResolvedJwtKey>;

  constructor(
    private readonly jwt: ResolvedJwtOptions,
    private readonly namespace: string,
  ) {
    this.keysByHeader = new Map(jwt.keys.map((key) => [encodeHeader(key), key]));
  }

  /**
   * What the token says, if it is ours and in force.
   *
   * @throws InvalidTokenError `malformed`, `invalid`, or `expired` where all is right but `exp`
   * @throws InvalidArgumentError where `token` is no string
   */
  verify(token: unknown): VerifiedSession {
    const now = Date.now();
    const session = this.verifyAt(token, now);
    if (session.expiresAt.getTime() <= now - this.jwt.clockToleranceMs) throw new InvalidTokenError('expired');
    if (session.expiresAt <= session.issuedAt) throw new InvalidTokenError('invalid');
    return session;
  }

  /** As {@link verify}, but `exp` is not compared with the clock: a log-out takes expired tokens too. */
  verifyGenuine(token: unknown): VerifiedSession {
    return this.verifyAt(token, Date.now());
  }

  private verifyAt(token: unknown, now: number): VerifiedSession {
    if (typeof token !== 'string') throw new InvalidArgumentError('accessToken', 'must be a string');
    if (token.length > MAX_ACCESS_TOKEN_BYTES) throw new InvalidTokenError('malformed');

    const headerEnd = token.indexOf('.');
    const payloadEnd = token.indexOf('.', headerEnd + 1);
    if (payloadEnd < 0) throw new InvalidTokenError('malformed');
    const header = token.slice(0, headerEnd);
    const known = this.keysByHeader.get(header);
    const foreignHeader = known === undefined ? decodeJsonObject(header) : undefined;
    const payload = decodeJsonObject(token.slice(headerEnd + 1, payloadEnd));
    const signature = decodeBase64url(token.slice(payloadEnd + 1));
    if (foreignHeader === null || payload === null || signature === null) throw new InvalidTokenError('malformed');

    const key = known ?? this.keyFor(foreignHeader!);
    const genuine = JWS[key.algorithm].verify(token.slice(0, payloadEnd), key.verifyingKey, signature);
    if (!genuine) throw new InvalidTokenError('invalid');
    return readAccessTokenClaims(payload, this.jwt, this.namespace, now);
  }

  /** The key of a header that is not written as we write it, but may say the same. */
  private keyFor(header: Record<string, unknown>): ResolvedJwtKey {
    const key = this.jwt.keys.find(({ kid }) => kid === header['kid']);
    if (
      key === undefined ||
      header['alg'] !== key.algorithm ||
      !isAccessTokenType(header['typ']) ||
      REFUSED_HEADERS.some((name) => Object.hasOwn(header, name))
    ) {
      throw new InvalidTokenError('invalid');
    }
    return key;
  }
}

/** No extension is understood (`crit`, `b64`), and no key is ever taken from a token. */
const REFUSED_HEADERS = ['crit', 'b64', 'jku', 'jwk', 'x5u', 'x5c', 'x5t', 'x5t#S256', 'enc', 'zip'] as const;

/** RFC 9068, section 4: `at+jwt`, also with its `application/`; media types know no case. */
function isAccessTokenType(typ: unknown): boolean {
  return typeof typ === 'string' && typ.toLowerCase().replace(/^application\//, '') === ACCESS_TOKEN_TYPE;
}
