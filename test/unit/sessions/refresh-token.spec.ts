import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { InvalidTokenError, RedisAuthConfigError } from '../../../lib/errors/index.js';
import { namespaceOf } from '../../../lib/jwt/index.js';
import { type JwtOptions, resolveOptions, type SessionOptions } from '../../../lib/options/index.js';
import { refreshTokenKeys } from '../../../lib/sessions/refresh-token-keys.js';
import { RefreshTokenCodec } from '../../../lib/sessions/refresh-token.js';
import { fastest } from '../../support/fastest.js';

const SESSION = 'Ab3_-9'.concat('abcdefghijklmnopqrstuv');
const OF_TENANT = SESSION.concat('ABCDEFGHIJKLMNOPQRSTUV');
const SECRET = randomBytes(32).toString('base64url');
const KEY = randomBytes(32);
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const codec = new RefreshTokenCodec([
  { kid: 'new', key: KEY },
  { kid: 'old', key: randomBytes(32) },
]);

const macOf = (body: string, key = KEY): string => createHmac('sha256', key).update(body).digest('base64url');
/** A token whose MAC is right, whatever it says. */
const macced = (body: string): string => `${body}.${macOf(body)}`;

function reasonOf(token: string): string {
  try {
    codec.open(token);
    return 'accepted';
  } catch (error) {
    return error instanceof InvalidTokenError ? error.reason : String(error);
  }
}

describe('RefreshTokenCodec', () => {
  it.each([
    [SESSION, 1],
    [OF_TENANT, 2],
    [SESSION, 999_999_999_999_999],
  ])('opens what it minted: %s of generation %i, under each of its keys', (sessionId, generation) => {
    for (const kid of ['new', 'old']) {
      const token = codec.mint(kid, sessionId, SECRET, generation);
      expect(token.length).toBeLessThanOrEqual(1024);
      expect(codec.open(token)).toEqual({ sessionId, secret: SECRET, generation });
    }
  });

  it('mints by the first of its keys, and gives the same token for the same session, secret and generation', () => {
    expect(codec.kid).toBe('new');
    expect(codec.mint('new', SESSION, SECRET, 3)).toBe(codec.mint('new', SESSION, SECRET, 3));
    expect(codec.mint('new', SESSION, SECRET, 3)).not.toBe(codec.mint('new', SESSION, SECRET, 4));
    expect(codec.mint('new', SESSION, SECRET, 3)).not.toBe(codec.mint('old', SESSION, SECRET, 3));
  });

  it('refuses a token of which any one character was changed', () => {
    const token = codec.mint('new', SESSION, SECRET, 12);
    for (let at = 0; at < token.length; at++) {
      const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
      expect(['invalid', 'malformed'], `character ${at}`).toContain(reasonOf(changed));
    }
  });

  it('refuses a token that is cut short anywhere, or goes on', () => {
    const token = codec.mint('new', SESSION, SECRET, 12);
    for (let length = 0; length < token.length; length++) expect(reasonOf(token.slice(0, length))).toBe('malformed');
    for (const more of ['A', '=', '.', ' ', '\n', '\0']) expect(reasonOf(token + more)).toBe('malformed');
  });

  it('refuses every other spelling of the same MAC', () => {
    const token = codec.mint('new', SESSION, SECRET, 1);
    const bytes = Buffer.from(token.split('.')[4]!, 'base64url');
    const respelt = [...ALPHABET].map((last) => token.slice(0, -1) + last).filter((other) => other !== token);
    const sameBytes = respelt.filter((other) => Buffer.from(other.split('.')[4]!, 'base64url').equals(bytes));
    expect(sameBytes).toHaveLength(3);
    for (const other of respelt) expect(reasonOf(other)).toBe('invalid');
    expect(reasonOf(`${token}=`)).toBe('malformed');
    expect(reasonOf(token.replaceAll('-', '+').replaceAll('_', '/'))).not.toBe('accepted');
  });

  it.each(['0', '00', '01', '-1', '+1', '1e3', '1.0', ' 1', '', '1000000000000000', 'NaN', '١'])(
    'takes no generation written %j for one, even under a right MAC',
    (generation) => {
      expect(reasonOf(macced(`new.${SESSION}.${SECRET}.${generation}`))).toBe('malformed');
    },
  );

  it.each([
    ['a kid that is not configured', `gone.${SESSION}.${SECRET}.1`, 'invalid'],
    ['the name of another key', `old.${SESSION}.${SECRET}.1`, 'invalid'],
    ['a kid that every object has', `constructor.${SESSION}.${SECRET}.1`, 'invalid'],
    ['__proto__ as kid', `__proto__.${SESSION}.${SECRET}.1`, 'invalid'],
    ['no kid', `.${SESSION}.${SECRET}.1`, 'malformed'],
    ['a kid of 65 characters', `${'k'.repeat(65)}.${SESSION}.${SECRET}.1`, 'malformed'],
    ['a session id that is too short', `new.${SESSION.slice(1)}.${SECRET}.1`, 'malformed'],
    ['a session id with a brace', `new.{${SESSION.slice(1)}.${SECRET}.1`, 'malformed'],
    ['a secret that is too long', `new.${SESSION}.${SECRET}A.1`, 'malformed'],
    ['a part too many', `new.${SESSION}.${SECRET}.1.1`, 'malformed'],
    ['a part too few', `new.${SESSION}.${SECRET}`, 'malformed'],
    ['a newline', `new.${SESSION}.${SECRET}.1\n`, 'malformed'],
    ['over 1 kB', `${'new.'.repeat(300)}.${SESSION}.${SECRET}.1`, 'malformed'],
  ])('refuses %s', (_what, body, reason) => {
    expect(reasonOf(macced(body))).toBe(reason);
  });

  it('refuses text of 10 MB as fast as text of 2 kB', async () => {
    const [short, long] = ['a.'.repeat(1_000), 'a.'.repeat(5_000_000)];
    expect(reasonOf(short)).toBe('malformed');
    expect(reasonOf(long)).toBe('malformed');
    expect(await fastest(() => reasonOf(long))).toBeLessThan((await fastest(() => reasonOf(short))) * 3 + 5);
  });

  it('refuses a MAC by another key', () => {
    const body = `new.${SESSION}.${SECRET}.1`;
    expect(reasonOf(`${body}.${macOf(body, randomBytes(32))}`)).toBe('invalid');
    expect(reasonOf(macced(body))).toBe('accepted');
  });

  it('derives one secret per nonce and key, which is not the nonce', () => {
    expect(codec.deriveSecret('new', 'n')).toMatch(/^[\w-]{43}$/);
    expect(codec.deriveSecret('new', 'n')).toBe(codec.deriveSecret('new', 'n'));
    expect(new Set([codec.deriveSecret('new', 'n'), codec.deriveSecret('new', 'm'), codec.deriveSecret('old', 'n')]).size).toBe(3);
  });

  it('says which key is missing where a live session names it', () => {
    expect(() => codec.mint('gone', SESSION, SECRET, 1)).toThrow(RedisAuthConfigError);
    expect(() => codec.mint('gone', SESSION, SECRET, 1)).toThrow(/'gone'.*add it/);
  });

  it('without keys mints nothing and takes every token for forged', () => {
    const none = new RefreshTokenCodec([]);
    expect(none.kid).toBeUndefined();
    expect(() => none.open(codec.mint('new', SESSION, SECRET, 1))).toThrow(InvalidTokenError);
    expect(() => none.mint('new', SESSION, SECRET, 1)).toThrow(RedisAuthConfigError);
  });
});

describe('refreshTokenKeys', () => {
  const keysOf = (keyPrefix: string, sessions: SessionOptions = {}, jwt: Partial<JwtOptions> = { secret: randomSecret }) => {
    const resolved = resolveOptions({ jwt: { issuer: 'i', audience: 'a', ...jwt }, keyPrefix, sessions });
    return refreshTokenKeys(resolved.jwt, resolved.sessions, namespaceOf(keyPrefix)).map(({ kid, key }) => `${kid} ${key.toString('hex')}`);
  };
  const randomSecret = randomBytes(48).toString('base64url');
  const refreshKeys = [{ kid: 'r', secret: randomBytes(48).toString('base64url') }];

  it('are bound to the key prefix and the secret, and the same in every process', () => {
    expect(keysOf('a:')).toEqual(keysOf('a:'));
    expect(keysOf('a:')).not.toEqual(keysOf('b:'));
    expect(keysOf('a:')).not.toEqual(keysOf('a:', {}, { secret: randomBytes(48).toString('base64url') }));
    expect(keysOf('a:', { refreshKeys })).not.toEqual(keysOf('b:', { refreshKeys }));
  });

  it('are those of sessions.refreshKeys where given, else one per key that can sign', () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const keys = [
      { kid: 'y', secret: randomSecret },
      { kid: 'x', publicKey },
    ];
    expect(keysOf('a:', {}, { keys }).map((text) => text.split(' ')[0])).toEqual(['y']);
    expect(keysOf('a:', { refreshKeys }, { keys }).map((text) => text.split(' ')[0])).toEqual(['r']);
    expect(keysOf('a:', {}, { publicKey })).toEqual([]);
  });
});
