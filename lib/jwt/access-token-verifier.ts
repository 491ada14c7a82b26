import { InvalidArgumentError, InvalidTokenError } from '../errors/index.js';
import type { ResolvedJwtKey, ResolvedJwtOptions } from '../options/index.js';
import { readAccessTokenClaims } from './access-token-claims.js';
import { decodeBase64url, decodeJsonObject, decodeSignedObject } from './json-segment.js';
import { JWS } from './jws.js';
import { ACCESS_TOKEN_TYPE, encodeHeader } from './jws-header.js';
import type { VerifiedToken } from './verified-token.js';

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
  verify(token: unknown): VerifiedToken {
    const now = Date.now();
    const verified = this.verifyAt(token, now);
    if (this.hasExpired(verified, now)) throw new InvalidTokenError('expired');
    if (!verified.isInOrder) throw new InvalidTokenError('invalid');
    return verified;
  }

  /** As {@link verify}, but `exp` is not compared with the clock: a log-out takes expired tokens too. */
  verifyGenuine(token: unknown): VerifiedToken {
    return this.verifyAt(token, Date.now());
  }

  /** Whether a token that was verified before is in force no longer. */
  hasExpired(token: VerifiedToken, now: number): boolean {
    return token.expiresAtMs <= now - this.jwt.clockToleranceMs;
  }

  private verifyAt(token: unknown, now: number): VerifiedToken {
    if (typeof token !== 'string') throw new InvalidArgumentError('accessToken', 'must be a string');
    if (token.length > MAX_ACCESS_TOKEN_BYTES) throw new InvalidTokenError('malformed');

    const headerEnd = token.indexOf('.');
    const payloadEnd = token.indexOf('.', headerEnd + 1);
    if (payloadEnd < 0) throw new InvalidTokenError('malformed');
    const header = token.slice(0, headerEnd);
    const input = token.slice(0, payloadEnd);
    const segment = token.slice(headerEnd + 1, payloadEnd);
    const signature = token.slice(payloadEnd + 1);
    const known = this.keysByHeader.get(header);
    // most are ours and genuine: nothing of them is decoded twice
    if (known === undefined || !isSigned(input, known, signature)) this.assertGenuine(input, header, segment, signature);
    const payload = decodeSignedObject(segment);
    if (payload === null) throw new InvalidTokenError('malformed');
    return readAccessTokenClaims(payload, this.jwt, this.namespace, now);
  }

  /** @throws InvalidTokenError where it is not, for the first reason there is */
  private assertGenuine(input: string, header: string, segment: string, signature: string): void {
    const saidHeader = decodeJsonObject(header);
    if (saidHeader === null || decodeJsonObject(segment) === null || decodeBase64url(signature) === null) {
      throw new InvalidTokenError('malformed');
    }
    if (this.keysByHeader.has(header) || !isSigned(input, this.keyFor(saidHeader), signature)) throw new InvalidTokenError('invalid');
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

function isSigned(input: string, key: ResolvedJwtKey, signature: string): boolean {
  return JWS[key.algorithm].verify(input, key.verifyingKey, signature);
}

/** No extension is understood (`crit`, `b64`), and no key is ever taken from a token. */
const REFUSED_HEADERS = ['crit', 'b64', 'jku', 'jwk', 'x5u', 'x5c', 'x5t', 'x5t#S256', 'enc', 'zip'] as const;

/** RFC 9068, section 4: `at+jwt`, also with its `application/`; media types know no case. */
function isAccessTokenType(typ: unknown): boolean {
  return typeof typ === 'string' && typ.toLowerCase().replace(/^application\//, '') === ACCESS_TOKEN_TYPE;
}
