import { createHmac, type KeyObject, sign } from 'node:crypto';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { InvalidArgumentError, InvalidTokenError } from '../../../lib/errors/index.js';
import { AccessTokenSigner, AccessTokenVerifier, NO_ORIGIN } from '../../../lib/jwt/index.js';
import { base64url, contentOf, decodePart, jwtOptions, keyOf, NAMESPACE, secretKey, sessionIdOf } from './jwt-fixtures.js';

// The clock stands still: some cases lie a second within a bound.
vi.useFakeTimers({ now: 1_800_000_000_500, toFake: ['Date'] });
afterAll(() => {
  vi.useRealTimers();
});

const hs256 = jwtOptions([keyOf('HS256')]);
const verifier = new AccessTokenVerifier(hs256, NAMESPACE);
const genuine = new AccessTokenSigner(hs256, NAMESPACE).sign(contentOf(), { lifetimeMs: 900_000, authAgeMs: 0, origin: NO_ORIGIN }).token;
const [genuineHeader, genuinePayload, genuineSignature] = genuine.split('.') as [string, string, string];
const payload = decodePart(genuine, 1);
const now = 1_800_000_000;

function hmac(input: string, key: KeyObject | Buffer | string = secretKey, hash = 'sha256'): string {
  return `${input}.${createHmac(hash, key).update(input).digest('base64url')}`;
}

/** Signed with the right key: what stands in it is all that is wrong. Text and bytes are taken as they are. */
function signed(header: unknown, body: unknown): string {
  return hmac(`${base64url(header)}.${base64url(body)}`);
}

const HEADER = { alg: 'HS256', typ: 'at+jwt' };
const withHeader = (changes: object): string => signed({ ...HEADER, ...changes }, payload);
const withPayload = (changes: object): string => signed(HEADER, { ...payload, ...changes });
/** JSON text with one member replaced by a literal that JSON.stringify would not write. */
const withLiteral = (name: string, literal: string): string =>
  signed(HEADER, JSON.stringify({ ...payload, [name]: '@' }).replace('"@"', literal));

/** The text with its unused last bits set: another spelling of the same bytes. */
function secondSpelling(segment: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(segment.at(-1)!);
  return segment.slice(0, -1) + alphabet[last + 1]!;
}

function reasonOf(token: unknown, by = verifier): string {
  try {
    by.verify(token);
  } catch (error) {
    if (error instanceof InvalidTokenError) return error.reason;
    throw error;
  }
  return 'accepted';
}

it('accepts what it should, so that the refusals below mean something', () => {
  expect(reasonOf(genuine)).toBe('accepted');
  expect(reasonOf(signed(HEADER, payload))).toBe('accepted');
  expect(reasonOf(withHeader({ typ: 'application/AT+JWT' }))).toBe('accepted');
  expect(reasonOf(withPayload({ aud: ['other', 'api'] }))).toBe('accepted');
  expect(reasonOf(withPayload({ nbf: now }))).toBe('accepted');
  expect(reasonOf(withPayload({ iat: now + 4, exp: now + 60 }))).toBe('accepted');
  expect(reasonOf(withPayload({ iat: now - 60, exp: now - 4, auth_time: now - 60 }))).toBe('accepted');
  expect(reasonOf(withPayload({ auth_time: undefined }))).toBe('accepted');
  expect(reasonOf(withPayload({ exp: 8.64e12 }))).toBe('accepted');
  expect(reasonOf(withPayload({ sub: 'a'.repeat(256), sid: sessionIdOf('a'.repeat(256)) }))).toBe('accepted');
  expect(reasonOf(signed({ typ: 'at+jwt', alg: 'HS256' }, payload))).toBe('accepted');
});

it('accepts a token of 8192 bytes, and none that is longer', () => {
  const tokens = Array.from({ length: 1_000 }, (_, n) => withPayload({ pad: 'x'.repeat(5_300 + n) }));
  const longest = Math.max(...tokens.map(({ length }) => length).filter((length) => length <= 8_192));
  expect(longest).toBe(8_192);
  for (const token of tokens) expect(reasonOf(token)).toBe(token.length <= 8_192 ? 'accepted' : 'malformed');
});

describe('S18 J12 malformed tokens', () => {
  it.each<[string, string]>([
    ['an empty text', ''],
    ['garbage', 'garbage'],
    ['dots alone', '..'],
    ['three words', 'abc.def.ghi'],
    ['one part', genuineHeader],
    ['two parts', `${genuineHeader}.${genuinePayload}`],
    ['four parts', `${genuine}.${genuineSignature}`],
    ['five parts, as a JWE has', `${genuineHeader}.a.b.c.d`],
    ['an empty header', `.${genuinePayload}.${genuineSignature}`],
    ['an empty payload', hmac(`${genuineHeader}.`)],
    ['a header that is no base64url', `{"alg"}.${genuinePayload}.${genuineSignature}`],
    ['a header with padding', hmac(`${base64url(`${JSON.stringify(HEADER)} `)}=.${genuinePayload}`)],
    ['a payload with padding', hmac(`${genuineHeader}.${genuinePayload}==`)],
    ['a signature with padding', `${genuine}=`],
    ['a signature in standard base64', `${genuineHeader}.${genuinePayload}.+${genuineSignature.slice(1)}`],
    ['white space before', ` ${genuine}`],
    ['white space behind', `${genuine} `],
    ['a newline behind', `${genuine}\n`],
    ['white space within', `${genuineHeader}. ${genuinePayload}.${genuineSignature}`],
    ['a NUL behind', `${genuine}\0`],
    ['a lone surrogate behind', `${genuine}\ud800`],
    ['an emoji as payload', `${genuineHeader}.😀.${genuineSignature}`],
    ['unused bits set in the signature', `${genuineHeader}.${genuinePayload}.${secondSpelling(genuineSignature)}`],
    ['unused bits set in the payload', hmac(`${genuineHeader}.${secondSpelling(base64url('{"a":1}'))}`)],
    ['a scheme in front', `Bearer ${genuine}`],
    ['a payload null', signed(HEADER, null)],
    ['a payload 1', signed(HEADER, 1)],
    ['a payload true', signed(HEADER, true)],
    ['a payload []', signed(HEADER, [])],
    ['a payload [payload]', signed(HEADER, [payload])],
    ['a payload "str"', signed(HEADER, '"str"')],
    ['a payload that is no JSON', signed(HEADER, 'not json')],
    ['a payload cut off', signed(HEADER, JSON.stringify(payload).slice(0, -1))],
    ['a payload NaN', signed(HEADER, 'NaN')],
    ['a payload with a byte order mark', signed(HEADER, `\ufeff${JSON.stringify(payload)}`)],
    ['a payload that is no UTF-8', signed(HEADER, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))],
    ['a header null', signed(null, payload)],
    ['a header []', signed([], payload)],
    ['a header 1', signed(1, payload)],
    ['a header that is no JSON', signed('{alg:HS256}', payload)],
    ['8193 bytes', `${genuineHeader}.${'A'.repeat(8192 - genuineHeader.length - genuineSignature.length - 1)}.${genuineSignature}`],
    ['8 kB exceeded by what is right', withPayload({ pad: 'x'.repeat(6_000) })],
    ['a megabyte', 'A'.repeat(1 << 20)],
    ['a megabyte of dots', '.'.repeat(1 << 20)],
    ['deeply nested JSON', signed(HEADER, `${'['.repeat(2900)}${']'.repeat(2900)}`)],
  ])('refuses %s', (_what, token) => {
    expect(reasonOf(token)).toBe('malformed');
  });

  it.each([undefined, null, 1, true, {}, [], [genuine], Buffer.from(genuine), new String(genuine), Symbol('token')])(
    'takes %s for a wrong argument',
    (token) => {
      expect(() => verifier.verify(token)).toThrow(InvalidArgumentError);
      expect(() => verifier.verifyGenuine(token)).toThrow(InvalidArgumentError);
    },
  );
});

describe('S18 J12 tokens that say the wrong thing', () => {
  const ps256 = keyOf('PS256');
  it.each<[string, string]>([
    // keys and algorithms
    ['another secret', hmac(`${genuineHeader}.${genuinePayload}`, Buffer.alloc(32, 1))],
    ['an empty secret', hmac(`${genuineHeader}.${genuinePayload}`, '')],
    ['no signature', `${genuineHeader}.${genuinePayload}.`],
    ['half a signature', `${genuineHeader}.${genuinePayload}.${genuineSignature.slice(0, 20)}`],
    ['another payload under the same signature', `${genuineHeader}.${base64url({ ...payload, role: 'root' })}.${genuineSignature}`],
    ['alg none, unsigned', `${base64url({ alg: 'none', typ: 'at+jwt' })}.${genuinePayload}.`],
    ['alg None, signed', withHeader({ alg: 'None' })],
    ['alg none, signed', withHeader({ alg: 'none' })],
    ['alg hs256', withHeader({ alg: 'hs256' })],
    ['alg missing', signed({ typ: 'at+jwt' }, payload)],
    ['alg null', withHeader({ alg: null })],
    ['alg as an array', withHeader({ alg: ['HS256'] })],
    ['alg __proto__', withHeader({ alg: '__proto__' })],
    ['alg toString', withHeader({ alg: 'toString' })],
    ['HS384 with the same secret', hmac(`${base64url({ ...HEADER, alg: 'HS384' })}.${genuinePayload}`, secretKey, 'sha384')],
    ['HS512 with the same secret', hmac(`${base64url({ ...HEADER, alg: 'HS512' })}.${genuinePayload}`, secretKey, 'sha512')],
    [
      'PS256 by a key of its own',
      `${base64url({ ...HEADER, alg: 'PS256' })}.${genuinePayload}.${sign('sha256', Buffer.from('x'), ps256.signingKey).toString('base64url')}`,
    ],
    ['a kid where there is one key', withHeader({ kid: 'k1' })],
    ['an empty kid', withHeader({ kid: '' })],
    ['a kid null', withHeader({ kid: null })],
    ['typ JWT', withHeader({ typ: 'JWT' })],
    ['typ refresh', withHeader({ typ: 'refresh' })],
    ['typ missing', signed({ alg: 'HS256' }, payload)],
    ['typ as an array', withHeader({ typ: ['at+jwt'] })],
    ['typ of another application', withHeader({ typ: 'application/application/at+jwt' })],
    ['an unknown crit', withHeader({ crit: ['exp-ext'], 'exp-ext': 1 })],
    ['an empty crit', withHeader({ crit: [] })],
    ['a crit b64', withHeader({ crit: ['b64'], b64: true })],
    ['b64 false', withHeader({ b64: false })],
    ['an embedded key', withHeader({ jwk: { kty: 'oct', k: base64url(Buffer.alloc(32, 1)) } })],
    ['a key address', withHeader({ jku: 'https://evil.example/keys' })],
    ['a certificate address', withHeader({ x5u: 'https://evil.example/cert' })],
    ['a certificate', withHeader({ x5c: ['MIIB'] })],
    // claims
    ['an empty payload object', signed(HEADER, {})],
    ['iss missing', withPayload({ iss: undefined })],
    ['another iss', withPayload({ iss: 'https://evil.example' })],
    ['iss with a slash more', withPayload({ iss: `${payload['iss'] as string}/` })],
    ['iss as an array', withPayload({ iss: [payload['iss']] })],
    ['aud missing', withPayload({ aud: undefined })],
    ['another aud', withPayload({ aud: 'other' })],
    ['aud empty', withPayload({ aud: [] })],
    ['aud with a number beside ours', withPayload({ aud: ['api', 1] })],
    ['aud as an object', withPayload({ aud: { api: true } })],
    ['aud that only contains ours', withPayload({ aud: 'api,other' })],
    ['sub missing', withPayload({ sub: undefined })],
    ['sub empty', withPayload({ sub: '' })],
    ['sub null', withPayload({ sub: null })],
    ['sub as a number', withPayload({ sub: 1 })],
    ['sub as an object', withPayload({ sub: { toString: 'alice' } })],
    ['sub as an array', withPayload({ sub: ['alice'] })],
    ['exp a second beyond all dates', withPayload({ exp: 8.64e12 + 1 })],
    ['sub of 257 bytes', withPayload({ sub: 'a'.repeat(257), sid: sessionIdOf('a'.repeat(257)) })],
    ['sub of 200 characters and 400 bytes', withPayload({ sub: 'ä'.repeat(200), sid: sessionIdOf('ä'.repeat(200)) })],
    ['sub empty with a sid made for it', withPayload({ sub: '', sid: sessionIdOf('') })],
    ['tenant empty with a sid made for it', withPayload({ tenant: '', sid: sessionIdOf('alice', '') })],
    ['sub with a lone surrogate', withLiteral('sub', '"\\ud800"')],
    ["another user's sub with this sid", withPayload({ sub: 'bob' })],
    ['a tenant that the sid was not made for', withPayload({ tenant: 'acme' })],
    ['a tenant missing that the sid was made for', withPayload({ sid: sessionIdOf('alice', 'acme') })],
    ['another tenant than the sid was made for', withPayload({ tenant: 'evil', sid: sessionIdOf('alice', 'acme') })],
    ['tenant empty', withPayload({ tenant: '' })],
    ['tenant null', withPayload({ tenant: null })],
    ['tenant as an array', withPayload({ tenant: ['acme'] })],
    ['sid missing', withPayload({ sid: undefined })],
    ['sid empty', withPayload({ sid: '' })],
    ['sid as an object', withPayload({ sid: {} })],
    ['sid as an array', withPayload({ sid: [payload['sid']] })],
    ['sid of another form', withPayload({ sid: `${payload['sid'] as string}*` })],
    ['sid with a newline behind', withPayload({ sid: `${payload['sid'] as string}\n` })],
    ['jti missing', withPayload({ jti: undefined })],
    ['jti empty', withPayload({ jti: '' })],
    ['jti as a number', withPayload({ jti: 1 })],
    ['ns missing', withPayload({ ns: undefined })],
    ['another ns', withPayload({ ns: 'AAAAAAAAAAAAAAAA' })],
    ['scope as an array', withPayload({ scope: ['read'] })],
    ['exp missing', withPayload({ exp: undefined })],
    ['exp null', withPayload({ exp: null })],
    ['exp as a text', withPayload({ exp: String(now + 900) })],
    ['exp 1e400', withLiteral('exp', '1e400')],
    ['exp -1e400', withLiteral('exp', '-1e400')],
    ['exp 1e300', withLiteral('exp', '1e300')],
    ['exp as an array', withPayload({ exp: [now + 900] })],
    ['exp before iat, both within the tolerance', withPayload({ iat: now + 2, exp: now })],
    ['iat missing', withPayload({ iat: undefined })],
    ['iat as a text', withPayload({ iat: String(now) })],
    ['iat in the future', withPayload({ iat: now + 60, exp: now + 900 })],
    ['iat 1e400', withLiteral('iat', '1e400')],
    ['auth_time as a text', withPayload({ auth_time: 'now' })],
    ['auth_time in the future', withPayload({ auth_time: now + 6 })],
    ['auth_time 1e400', withLiteral('auth_time', '1e400')],
    ['nbf in the future', withPayload({ nbf: now + 60 })],
    ['nbf null', withPayload({ nbf: null })],
    ['nbf as a text', withPayload({ nbf: '0' })],
    ['all wrong and expired besides', withPayload({ exp: now - 60, sub: 'bob' })],
  ])('refuses %s', (_what, token) => {
    expect(reasonOf(token)).toBe('invalid');
  });
});

describe('J11 expired tokens', () => {
  it.each<[string, object]>([
    ['a minute ago', { iat: now - 960, exp: now - 60, auth_time: now - 960 }],
    ['just beyond the tolerance', { iat: now - 960, exp: now - 6, auth_time: now - 960 }],
    ['before it was issued', { exp: now - 60 }],
    ['with another time of authentication', { iat: now - 960, exp: now - 60, auth_time: now }],
    ['in 1970', { exp: 0 }],
    ['before 1970', { exp: -1 }],
  ])('says so for %s, and log-out still takes them', (_what, changes) => {
    expect(reasonOf(withPayload(changes))).toBe('expired');
    expect(verifier.verifyGenuine(withPayload(changes)).toSession(Date.now())).toMatchObject({ userId: 'alice', ttl: 0 });
  });
});

describe('S18 keys told apart by kid', () => {
  const keys = jwtOptions([keyOf('ES256', 'new'), keyOf('HS256', 'old')]);
  const byKid = new AccessTokenVerifier(keys, NAMESPACE);
  const es256 = new AccessTokenSigner(keys, NAMESPACE).sign(contentOf(), { lifetimeMs: 900_000, authAgeMs: 0, origin: NO_ORIGIN }).token;
  const publicPem = keyOf('ES256').verifyingKey.export({ type: 'spki', format: 'pem' }) as string;

  it('accepts each key under its own kid', () => {
    expect(reasonOf(es256, byKid)).toBe('accepted');
    expect(reasonOf(withHeader({ kid: 'old' }), byKid)).toBe('accepted');
  });

  it.each<[string, string]>([
    ['a missing kid', signed(HEADER, payload)],
    ['an unknown kid', withHeader({ kid: 'unknown' })],
    ['a kid that names another key', withHeader({ kid: 'new' })],
    ['a kid as an array', withHeader({ kid: ['old'] })],
    ['a kid as an object', withHeader({ kid: { toString: 'old' } })],
    ['a kid null', withHeader({ kid: null })],
    ['a kid __proto__', withHeader({ kid: '__proto__' })],
    ['a kid as a path', withHeader({ kid: '../../dev/null' })],
    ['HMAC with the public key as its secret', hmac(`${base64url({ ...HEADER, kid: 'new' })}.${genuinePayload}`, publicPem)],
  ])('refuses %s', (_what, token) => {
    expect(reasonOf(token, byKid)).toBe('invalid');
  });

  it('refuses what the first key has signed and does not name', () => {
    const oldFirst = new AccessTokenVerifier(jwtOptions([keyOf('HS256', 'old'), keyOf('ES256', 'new')]), NAMESPACE);
    expect(reasonOf(withHeader({ kid: 'old' }), oldFirst)).toBe('accepted');
    expect(reasonOf(signed(HEADER, payload), oldFirst)).toBe('invalid');
    expect(reasonOf(withHeader({ kid: 'unknown' }), oldFirst)).toBe('invalid');
  });

  it('refuses ECDSA signatures of another length or encoding', () => {
    const [header, body, signature] = es256.split('.') as [string, string, string];
    const raw = Buffer.from(signature, 'base64url');
    const der = sign('sha256', Buffer.from(`${header}.${body}`), keyOf('ES256').signingKey);
    for (const bad of [
      der,
      raw.subarray(0, 63),
      Buffer.concat([raw, Buffer.alloc(1)]),
      Buffer.concat([Buffer.alloc(2), raw]),
      Buffer.alloc(64),
    ]) {
      expect(reasonOf(`${header}.${body}.${bad.toString('base64url')}`, byKid)).toBe('invalid');
    }
    for (const spelling of [`${signature}=`, `${signature} `, `+${signature.slice(1)}`, secondSpelling(signature)]) {
      expect(reasonOf(`${header}.${body}.${spelling}`, byKid)).toBe('malformed');
    }
  });
});

it('keeps a claim named __proto__ as data and pollutes nothing', () => {
  const literal = '1,"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}';
  const session = verifier.verify(withLiteral('x', literal)).toSession(Date.now());
  expect(({} as Record<string, unknown>)['isAdmin']).toBeUndefined();
  expect((session.claims as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  expect(Object.getPrototypeOf(session.claims)).toBe(Object.prototype);
  expect(Object.hasOwn(session.claims, '__proto__')).toBe(true);
});
