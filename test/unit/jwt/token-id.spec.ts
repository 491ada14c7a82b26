import { describe, expect, it } from 'vitest';
import { AccessTokenSigner, AccessTokenVerifier, VerifiedToken } from '../../../lib/jwt/index.js';
import { contentOf, jwtOptions, keyOf, NAMESPACE, sessionIdOf } from './jwt-fixtures.js';

describe('the id of an access token', () => {
  const options = jwtOptions([keyOf('HS256')]);
  const origin = { userEpoch: 1_800_000_000_000_000, tenantEpoch: 7, issuedMs: 1_800_000_000_123 };
  const times = { lifetimeMs: 900_000, authAgeMs: 0, origin, dataset: 'one' };
  const { token } = new AccessTokenSigner(options, NAMESPACE).sign(contentOf(), times);
  const verified = new AccessTokenVerifier(options, NAMESPACE).verify(token);

  it('says under what it was issued', () => {
    expect(verified.origin).toEqual(origin);
  });

  it('is of the set of data that has its session, and of no other', () => {
    expect(['one', 'two', '', 'one'].map((dataset) => verified.isOf(dataset))).toEqual([true, false, false, true]);
  });

  it('is of its session alone', () => {
    const said = { ...verified, scopes: [], claims: undefined, issuedAtMs: 0, authTimeMs: 0 };
    expect(new VerifiedToken(said).isOf('one')).toBe(true);
    expect(new VerifiedToken({ ...said, sessionId: sessionIdOf('alice') }).isOf('one')).toBe(false);
  });
});
