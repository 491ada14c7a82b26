import { sign, verify } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { InvalidArgumentError, InvalidTokenError, RedisAuthConfigError } from '../../../lib/errors/index.js';
import {
  AccessTokenSigner,
  AccessTokenVerifier,
  namespaceOf,
  NO_ORIGIN,
  RESERVED_CLAIMS,
  type TokenOrigin,
} from '../../../lib/jwt/index.js';
import { ALGORITHMS, AUDIENCE, base64url, contentOf, decodePart, ISSUER, jwtOptions, keyOf, NAMESPACE } from './jwt-fixtures.js';

const TIMES = { lifetimeMs: 900_000, authAgeMs: 0, origin: NO_ORIGIN };
/** Written with as many digits as any before the year 2286. */
const LATEST: TokenOrigin = { userEpoch: 9_999_999_999_000_000, tenantEpoch: 9_999_999_999_000_000, issuedMs: 9_999_999_999_000 };

afterEach(() => {
  vi.useRealTimers();
});

describe.each(ALGORITHMS)('%s', (algorithm) => {
  const options = jwtOptions([keyOf(algorithm)]);
  const signer = new AccessTokenSigner(options, NAMESPACE);
  const verifier = new AccessTokenVerifier(options, NAMESPACE);

  it('J1 reads back what was signed', () => {
    const content = contentOf('alice', { tenant: 'acme' });
    const { token, issuedAt, expiresAt } = signer.sign(content, { ...TIMES, authAgeMs: 60_000 });
    expect(verifier.verify(token).toSession(Date.now())).toEqual({
      userId: 'alice',
      sessionId: content.sessionId,
      tenant: 'acme',
      claims: { role: 'admin' },
      scopes: ['read', 'write'],
      issuedAt: new Date(issuedAt * 1000),
      expiresAt: new Date(expiresAt * 1000),
      ttl: expect.toSatisfy((ttl: number) => ttl > 890 && ttl <= 900) as number,
      authTime: new Date((issuedAt - 60) * 1000),
    });
  });

  it('refuses any changed byte of the signature', () => {
    const { token } = signer.sign(contentOf(), TIMES);
    const [header, payload, signature] = token.split('.') as [string, string, string];
    const bytes = Buffer.from(signature, 'base64url');
    for (const index of [0, bytes.length >> 1, bytes.length - 1]) {
      const changed = Buffer.from(bytes);
      changed[index]! ^= 1;
      expect(() => verifier.verify(`${header}.${payload}.${changed.toString('base64url')}`)).toThrow(InvalidTokenError);
    }
  });

  // jsonwebtoken knows no EdDSA; there node:crypto is the other side.
  it('signs what others verify, and verifies what others sign', async () => {
    const key = keyOf(algorithm);
    const { token } = signer.sign(contentOf(), TIMES);
    const payload = decodePart(token, 1);
    if (algorithm === 'EdDSA') {
      const [header, body, signature] = token.split('.') as [string, string, string];
      expect(verify(null, Buffer.from(`${header}.${body}`), key.verifyingKey, Buffer.from(signature, 'base64url'))).toBe(true);
      const input = `${base64url({ typ: 'at+jwt', alg: algorithm })}.${base64url(payload)}`;
      const theirs = `${input}.${sign(null, Buffer.from(input), key.signingKey).toString('base64url')}`;
      expect(verifier.verify(theirs).userId).toBe('alice');
      return;
    }
    const jsonwebtoken = new JwtService();
    const theirOptions = { issuer: ISSUER, audience: AUDIENCE, algorithms: [algorithm] };
    const secret = key.signingKey.type === 'secret' ? { secret: key.signingKey.export() } : {};
    const publicKey = key.verifyingKey.type === 'public' ? { publicKey: key.verifyingKey.export({ type: 'spki', format: 'pem' }) } : {};
    const privateKey =
      key.signingKey.type === 'private' ? { privateKey: key.signingKey.export({ type: 'pkcs8', format: 'pem' }) as string } : {};
    const read = await jsonwebtoken.verifyAsync<object>(token, { ...theirOptions, ...secret, ...publicKey });
    expect(read).toMatchObject({ sub: 'alice', role: 'admin', scope: 'read write' });
    const theirs = await jsonwebtoken.signAsync(payload, {
      algorithm: theirOptions.algorithms[0]!,
      header: { typ: 'at+jwt', alg: algorithm },
      ...secret,
      ...privateKey,
    });
    expect(verifier.verify(theirs).userId).toBe('alice');
  });
});

describe('AccessTokenSigner', () => {
  const options = jwtOptions([keyOf('HS256')]);
  const signer = new AccessTokenSigner(options, NAMESPACE);

  it('writes the header and the claims of RFC 9068, each once', () => {
    vi.useFakeTimers({ now: 1_800_000_000_700 });
    const content = contentOf('alice');
    const { token } = signer.sign(content, { ...TIMES, lifetimeMs: 59_999, authAgeMs: 1_500 });
    expect(decodePart(token, 0)).toEqual({ alg: 'HS256', typ: 'at+jwt' });
    expect(decodePart(token, 1)).toEqual({
      iss: ISSUER,
      aud: AUDIENCE,
      sub: 'alice',
      sid: content.sessionId,
      jti: expect.stringMatching(/^[\w-]{22}\.[0-9a-z]+\.[0-9a-z]+\.[0-9a-z]+\.[\w-]{10}$/) as string,
      iat: 1_800_000_000,
      exp: 1_800_000_059,
      auth_time: 1_799_999_998,
      ns: NAMESPACE,
      scope: 'read write',
      role: 'admin',
    });
  });

  it('lives at least a second, and never claims a later authentication than its issue', () => {
    vi.useFakeTimers({ now: 1_800_000_000_000 });
    const { token, issuedAt, expiresAt } = signer.sign(contentOf(), { ...TIMES, lifetimeMs: 3, authAgeMs: -5_000 });
    expect(expiresAt - issuedAt).toBe(1);
    expect(decodePart(token, 1)['auth_time']).toBe(issuedAt);
  });

  it('names every audience, and a kid where there are keys', () => {
    const several = new AccessTokenSigner(jwtOptions([keyOf('HS256', 'k1')], { audience: ['a', 'b'] }), NAMESPACE);
    const { token } = several.sign(contentOf(), TIMES);
    expect(decodePart(token, 0)).toEqual({ alg: 'HS256', typ: 'at+jwt', kid: 'k1' });
    expect(decodePart(token, 1)['aud']).toEqual(['a', 'b']);
  });

  it('lets no claim stand in for a registered name', () => {
    const claims = { sub: 'root', exp: 9_999_999_999, ns: 'other', role: 'admin' };
    const { token, expiresAt } = signer.sign(contentOf('alice', { claims }), TIMES);
    expect(decodePart(token, 1)).toMatchObject({ sub: 'alice', exp: expiresAt, ns: NAMESPACE, role: 'admin' });
  });

  it('never signs the same token twice', () => {
    const content = contentOf();
    expect(signer.sign(content, TIMES).token).not.toBe(signer.sign(content, TIMES).token);
  });

  it('says in the jti under which epochs and when it was issued, and the verifier reads it back', () => {
    const origin = { userEpoch: 1_800_000_000_123_456, tenantEpoch: 1_800_000_000_000_007, issuedMs: 1_800_000_000_700 };
    const { token } = signer.sign(contentOf(), { ...TIMES, origin });
    expect(new AccessTokenVerifier(options, NAMESPACE).verify(token).origin).toEqual(origin);
  });

  it('refuses exactly what would be longer than 8 kB', () => {
    const withClaims = (length: number) => contentOf('ä', { tenant: 'acme', claims: { text: 'x'.repeat(length) } });
    const fits = (length: number): boolean => {
      try {
        signer.assertFits(withClaims(length));
        return true;
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidArgumentError);
        return false;
      }
    };
    let length = 5_000;
    while (fits(length + 1)) length += 1;
    const { token } = signer.sign(withClaims(length), { ...TIMES, origin: LATEST });
    expect(token.length).toBeGreaterThan(8_188);
    expect(token.length).toBeLessThanOrEqual(8_192);
    expect(new AccessTokenVerifier(options, NAMESPACE).verify(token).userId).toBe('ä');
  });

  it.each(['RS256', 'ES512', 'EdDSA'] as const)('knows the length of a %s signature beforehand', (algorithm) => {
    const key = keyOf(algorithm);
    const asymmetric = new AccessTokenSigner(jwtOptions([key]), NAMESPACE);
    const content = contentOf('alice', { claims: { text: 'x'.repeat(6_500) } });
    const { length } = asymmetric.sign(content, { ...TIMES, origin: LATEST }).token;
    expect(() => asymmetric.assertFits(content)).toThrow(`make an access token of ${length} bytes`);
  });

  it('says that a verify-only module cannot issue', () => {
    const { signingKey: _, ...publicOnly } = keyOf('ES256');
    const verifyOnly = new AccessTokenSigner(jwtOptions([publicOnly]), NAMESPACE);
    expect(signer.canSign).toBe(true);
    expect(verifyOnly.canSign).toBe(false);
    for (const issue of [() => verifyOnly.sign(contentOf(), TIMES), () => verifyOnly.assertFits(contentOf())]) {
      expect(issue).toThrow(RedisAuthConfigError);
      expect(issue).toThrow(/jwt: .*verify-only/);
    }
    const { token } = new AccessTokenSigner(jwtOptions([keyOf('ES256')]), NAMESPACE).sign(contentOf(), TIMES);
    expect(new AccessTokenVerifier(jwtOptions([publicOnly]), NAMESPACE).verify(token).userId).toBe('alice');
  });
});

describe('AccessTokenVerifier', () => {
  it('hands out as claims what the application put in, and no registered name', () => {
    const options = jwtOptions([keyOf('HS256')]);
    const claims = { role: 'admin', typ: 'x', nested: { list: [], n: 9_007_199_254_740_991, text: '😀\u2028' }, none: null };
    const { token } = new AccessTokenSigner(options, NAMESPACE).sign(contentOf('alice', { claims, scopes: [] }), TIMES);
    const session = new AccessTokenVerifier(options, NAMESPACE).verify(token).toSession(Date.now());
    expect(session.claims).toEqual(claims);
    expect(session.scopes).toEqual([]);
    expect(session).not.toHaveProperty('tenant');
    expect(session).not.toHaveProperty('data');
  });

  it('removes every reserved name from the claims', () => {
    const options = jwtOptions([keyOf('HS256')]);
    const { token } = new AccessTokenSigner(options, NAMESPACE).sign(
      contentOf('alice', { claims: { client_id: 'c', cnf: {}, act: {} } }),
      TIMES,
    );
    expect(new AccessTokenVerifier(options, NAMESPACE).verify(token).toSession(Date.now()).claims).toEqual({});
    for (const name of ['client_id', 'cnf', 'act']) expect(RESERVED_CLAIMS).toContain(name);
  });

  it('J11 expires by the clock, the tolerance included', () => {
    vi.useFakeTimers({ now: 1_800_000_000_000 });
    const options = jwtOptions([keyOf('HS256')]);
    const verifier = new AccessTokenVerifier(options, NAMESPACE);
    const { token } = new AccessTokenSigner(options, NAMESPACE).sign(contentOf(), { ...TIMES, lifetimeMs: 60_000 });
    vi.setSystemTime(1_800_000_064_999);
    expect(verifier.verify(token).toSession(Date.now()).ttl).toBe(0);
    vi.setSystemTime(1_800_000_065_000);
    expect(() => verifier.verify(token)).toThrow(expect.objectContaining({ reason: 'expired' }));
    expect(verifier.verifyGenuine(token).userId).toBe('alice');
  });

  it('refuses a token of another registration', () => {
    const options = jwtOptions([keyOf('HS256')]);
    const { token } = new AccessTokenSigner(options, namespaceOf('auth:')).sign(contentOf(), TIMES);
    expect(new AccessTokenVerifier(options, namespaceOf('auth:')).verify(token).userId).toBe('alice');
    expect(() => new AccessTokenVerifier(options, namespaceOf('auth:admin:')).verify(token)).toThrow(
      expect.objectContaining({ reason: 'invalid' }),
    );
  });

  it('rotates keys: add, switch, drop, and each token is refused only once its key is gone', () => {
    const [first, second] = [keyOf('HS256', 'first'), keyOf('ES256', 'second')];
    const steps = [[first], [first, second], [second, first], [second]].map((keys) => ({
      signer: new AccessTokenSigner(jwtOptions(keys), NAMESPACE),
      verifier: new AccessTokenVerifier(jwtOptions(keys), NAMESPACE),
    }));
    const tokens = steps.map(({ signer }) => signer.sign(contentOf(), TIMES).token);
    // Instances are one step apart while a change rolls out.
    const accepts = steps.map(({ verifier }) =>
      tokens.map((token) => {
        try {
          return verifier.verify(token).userId === 'alice';
        } catch {
          return false;
        }
      }),
    );
    expect(accepts).toEqual([
      [true, true, false, false],
      [true, true, true, true],
      [true, true, true, true],
      [false, false, true, true],
    ]);
  });
});

describe('namespaceOf', () => {
  it('differs by prefix and shows nothing of it', () => {
    expect(namespaceOf('auth:')).toMatch(/^[A-Za-z0-9_-]{16}$/);
    expect(namespaceOf('auth:')).toBe(namespaceOf('auth:'));
    expect(namespaceOf('auth:')).not.toBe(namespaceOf('auth:x:'));
  });
});
