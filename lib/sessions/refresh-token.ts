import { createHmac, hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import { InvalidTokenError, RedisAuthConfigError } from '../errors/index.js';

const MAX_LENGTH = 1024;
const FORM = /^([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{28}|[A-Za-z0-9_-]{50})\.([A-Za-z0-9_-]{43})\.([1-9][0-9]{0,14})\.([A-Za-z0-9_-]{43})$/;

/** A refresh token whose MAC was right. */
export interface GenuineRefreshToken {
  readonly sessionId: string;
  readonly secret: string;
  readonly generation: number;
}

/**
 * Refresh tokens are derived, not stored: `kid.sessionId.secret.generation.mac`, the MAC (HMAC-SHA256) over all
 * before it. Redis holds SHA-256 of the secret and the generation, so that neither its content nor the MAC key
 * alone can make a token, every caller with the same token gets the same successor, and nothing grows with use.
 * A token with a wrong MAC costs no command.
 */
export class RefreshTokenCodec {
  private readonly keys: ReadonlyMap<string, KeyObject | Buffer>;
  /** Of the key that mints; undefined in a module that only verifies. */
  readonly kid: string | undefined;

  constructor(keys: readonly { kid: string; key: KeyObject | Buffer }[]) {
    this.keys = new Map(keys.map(({ kid, key }) => [kid, key]));
    this.kid = keys[0]?.kid;
  }

  /** @throws RedisAuthConfigError when no key of that kid is configured here. */
  mint(kid: string, sessionId: string, secret: string, generation: number): string {
    const body = `${kid}.${sessionId}.${secret}.${generation}`;
    return `${body}.${mac(this.keyOf(kid), body)}`;
  }

  /** @throws InvalidTokenError `malformed` or `invalid` (forged, or of a key that is not configured). */
  open(token: string): GenuineRefreshToken {
    const parts = token.length <= MAX_LENGTH ? FORM.exec(token) : null;
    if (parts === null) throw new InvalidTokenError('malformed');
    const [, kid, sessionId, secret, generation, given] = parts as unknown as [string, string, string, string, string, string];
    const key = this.keys.get(kid);
    if (key === undefined) throw new InvalidTokenError('invalid');
    // as text, not as the bytes it spells: base64 has several spellings of the same bytes
    const expected = mac(key, token.slice(0, -given.length - 1));
    if (!timingSafeEqual(Buffer.from(expected), Buffer.from(given))) throw new InvalidTokenError('invalid');
    return { sessionId, secret, generation: Number(generation) };
  }

  /** A secret that a repeat of the same request can derive again, from a nonce that is no secret by itself. */
  deriveSecret(kid: string, nonce: string): string {
    return createHmac('sha256', this.keyOf(kid)).update(`secret.${nonce}`).digest('base64url');
  }

  private keyOf(kid: string): KeyObject | Buffer {
    const key = this.keys.get(kid);
    if (key !== undefined) return key;
    throw new RedisAuthConfigError([
      {
        path: 'sessions.refreshKeys',
        message: `a live session names the key '${kid}', which is not configured here; add it on every instance first`,
      },
    ]);
  }
}

function mac(key: KeyObject | Buffer, body: string): string {
  return createHmac('sha256', key).update(body).digest('base64url');
}

/** What Redis keeps of a chain's secret: 192 bits of its SHA-256, as text, which is sent in half the time of bytes. */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'base64url').slice(0, 32);
}
