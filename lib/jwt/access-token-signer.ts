import { InvalidArgumentError, RedisAuthConfigError } from '../errors/index.js';
import type { ResolvedJwtKey, ResolvedJwtOptions } from '../options/index.js';
import { MAX_ACCESS_TOKEN_BYTES } from './access-token-verifier.js';
import { type Jws, JWS } from './jws.js';
import { encodeHeader } from './jws-header.js';
import { newTokenId, type TokenOrigin } from './token-id.js';

/** What an access token says about its session. */
export interface AccessTokenContent {
  userId: string;
  sessionId: string;
  tenant?: string;
  /** At the top level of the token; free of {@link RESERVED_CLAIMS}, and JSON. */
  claims: Record<string, unknown>;
  scopes: readonly string[];
}

/** How long the token lives from now, how long ago the user authenticated, and under what it is issued. */
export interface AccessTokenTimes {
  lifetimeMs: number;
  authAgeMs: number;
  origin: TokenOrigin;
  /** Which set of data has the session; '' where that is not known. */
  dataset?: string;
}

export interface SignedAccessToken {
  token: string;
  /** `iat`, in seconds. */
  issuedAt: number;
  /** `exp`, in seconds. */
  expiresAt: number;
}

interface SigningKey {
  readonly key: NonNullable<ResolvedJwtKey['signingKey']>;
  readonly header: string;
  readonly jws: Jws;
}

/** Signs access tokens (RFC 9068) with the first key. Touches neither Redis nor any state. */
export class AccessTokenSigner {
  /** False where the first key is a public one: such a module verifies only. */
  readonly canSign: boolean;

  private readonly signingKey: SigningKey | undefined;
  private measuredRoom: number | undefined;
  /** What every token says, as the inside of a JSON object. */
  private readonly constant: string;

  constructor(jwt: ResolvedJwtOptions, namespace: string) {
    const first = jwt.keys[0];
    this.signingKey = first?.signingKey && { key: first.signingKey, header: encodeHeader(first), jws: JWS[first.algorithm] };
    this.canSign = this.signingKey !== undefined;
    const aud = jwt.audience.length === 1 ? jwt.audience[0] : jwt.audience;
    this.constant = JSON.stringify({ iss: jwt.issuer, aud, ns: namespace }).slice(1, -1);
  }

  /**
   * Refuses what would not fit into an access token, so that nothing is stored for a session that no token can name.
   *
   * @throws InvalidArgumentError where the signed token would exceed 8 kB
   * @throws RedisAuthConfigError where the module only verifies
   */
  assertFits(content: AccessTokenContent): void {
    const { key, header, jws } = this.requireSigningKey();
    if (Buffer.byteLength(this.constant) < 2048 && isSmall(content)) return;
    const payload = this.payload(content, LATEST, LATEST, LATEST, LATEST_ID);
    const length = header.length + base64urlLength(Buffer.byteLength(payload)) + base64urlLength(jws.signatureLength(key)) + 2;
    if (length <= MAX_ACCESS_TOKEN_BYTES) return;
    throw new InvalidArgumentError(
      'claims',
      `and scopes make an access token of ${length} bytes, more than ${MAX_ACCESS_TOKEN_BYTES}; keep what is large in the session's data`,
    );
  }

  /** Bytes of JSON that are left for claims, scopes, user and tenant, whatever the session. */
  get room(): number {
    this.measuredRoom ??= this.measureRoom();
    return this.measuredRoom;
  }

  private measureRoom(): number {
    const { key, header, jws } = this.requireSigningKey();
    const own = Buffer.byteLength(this.payload(EMPTY, LATEST, LATEST, LATEST, LATEST_ID));
    const segment = MAX_ACCESS_TOKEN_BYTES - header.length - base64urlLength(jws.signatureLength(key)) - 2;
    return Math.floor((segment * 3) / 4) - own;
  }

  /**
   * Signs a token that is valid from now, by this process's clock.
   *
   * @throws RedisAuthConfigError where the module only verifies
   */
  sign(content: AccessTokenContent, { lifetimeMs, authAgeMs, origin, dataset = '' }: AccessTokenTimes): SignedAccessToken {
    const { key, header, jws } = this.requireSigningKey();
    const issuedAt = Math.floor(Date.now() / 1000);
    const expiresAt = issuedAt + Math.max(1, Math.floor(lifetimeMs / 1000));
    const authTime = Math.min(issuedAt, issuedAt - Math.round(authAgeMs / 1000));
    const payload = Buffer.from(
      this.payload(content, issuedAt, expiresAt, authTime, newTokenId(content.sessionId, origin, dataset)),
    ).toString('base64url');
    const input = `${header}.${payload}`;
    return { token: `${input}.${jws.sign(input, key).toString('base64url')}`, issuedAt, expiresAt };
  }

  /** Joined as text: an object spread together and stringified costs several times as much. The registered names come last, so that they win. */
  private payload(
    { userId, sessionId, tenant, claims, scopes }: AccessTokenContent,
    iat: number,
    exp: number,
    authTime: number,
    tokenId: string,
  ): string {
    const own = JSON.stringify(claims);
    const variable = `"sub":${JSON.stringify(userId)},"sid":"${sessionId}","jti":"${tokenId}","iat":${iat},"exp":${exp},"auth_time":${authTime}`;
    const tenancy = tenant === undefined ? '' : `,"tenant":${JSON.stringify(tenant)}`;
    const scope = scopes.length === 0 ? '' : `,"scope":${JSON.stringify(scopes.join(' '))}`;
    return `${own === '{}' ? '{' : `${own.slice(0, -1)},`}${this.constant},${variable}${tenancy}${scope}}`;
  }

  private requireSigningKey(): SigningKey {
    if (this.signingKey !== undefined) return this.signingKey;
    throw new RedisAuthConfigError([
      { path: 'jwt', message: 'this module is verify-only, its first key is public; give it a secret or a privateKey to issue tokens' },
    ]);
  }
}

/** All that a token holds beside what its session brings; with the longest session id. */
const EMPTY: AccessTokenContent = { userId: '', sessionId: 'x'.repeat(50), tenant: '', claims: {}, scopes: [''] };

/** Most are: their size need not be known exactly. */
function isSmall({ claims, scopes, tenant = '' }: AccessTokenContent): boolean {
  return scopes.length === 0 && tenant === '' && Object.keys(claims).length === 0;
}

/** No date is written with more digits before the year 2286. */
const LATEST = 9_999_999_999;
const LATEST_ID = newTokenId('', { userEpoch: LATEST * 1_000_000, tenantEpoch: LATEST * 1_000_000, issuedMs: LATEST * 1000 }, '');

function base64urlLength(bytes: number): number {
  return Math.ceil((bytes * 4) / 3);
}
