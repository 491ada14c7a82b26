import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeIdentity,
  encodeIdentity,
  hashTenant,
  type Identity,
  isSessionId,
  KeySpace,
  restOf,
  sessionBelongsTo,
  slotTag,
  tagOf,
  tenantHashOf,
} from '../../../lib/redis/index.js';
import { randomText } from '../../../lib/data/index.js';

/** Text as dense in separators, escapes and look-alikes as it gets, so that a collision would be met. */
const awkward = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', ':', '%', '2', '5', '0', '3', 'A', ' ', '{', '}', '~', "'"), minLength: 1, maxLength: 6 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
  fc.constantFrom('\0', '\n', '*', '?', '[a]', '\\', '|', '🙂', '%3A', '%253A', '__proto__', 'constructor', 't', '-', '.'),
);
const identity: fc.Arbitrary<Identity> = fc.oneof(fc.record({ userId: awkward }), fc.record({ userId: awkward, tenant: awkward }));
const sessionId = (of: Identity): string =>
  slotTag(encodeIdentity(of)) + (of.tenant === undefined ? '' : hashTenant(of.tenant)) + randomText(16);
const same = (one: Identity, other: Identity): boolean => one.userId === other.userId && one.tenant === other.tenant;

describe('identities', () => {
  const keys = new KeySpace('auth:');

  it('S3 no two of them share a key', () => {
    fc.assert(
      fc.property(identity, identity, (one, other) => {
        const [a, b] = [encodeIdentity(one), encodeIdentity(other)];
        expect(keys.user(slotTag(a), a) === keys.user(slotTag(b), b)).toBe(same(one, other));
      }),
      { numRuns: 3_000 },
    );
  });

  it('S3 none is cut, and none leaves its slot: one pair of braces, no blank, no control character', () => {
    fc.assert(
      fc.property(identity, (one) => {
        const encoded = encodeIdentity(one);
        expect(decodeIdentity(encoded)).toEqual(one);
        expect(keys.user(slotTag(encoded), encoded)).toMatch(/^auth:u:\{[\w-]{6}\}[!-z~|]+$/);
        expect(encoded).toMatch(/^[A-Za-z0-9\-_.!~*'()@+%]+(:[A-Za-z0-9\-_.!~*'()@+%]+)?$/);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    [{ userId: 'a:b' }, { userId: 'b', tenant: 'a' }],
    [
      { userId: 'b:c', tenant: 'a' },
      { userId: 'c', tenant: 'a:b' },
    ],
    [{ userId: 'a%3Ab' }, { userId: 'a:b' }],
    [{ userId: 'a b' }, { userId: 'a%20b' }],
    [{ userId: '\u00e9' }, { userId: 'e\u0301' }],
    [{ userId: 'abc' }, { userId: 'abcd' }],
    [{ userId: '1' }, { userId: '1', tenant: '1' }],
  ])('S2 %j and %j are two', (one, other) => {
    expect(encodeIdentity(one)).not.toBe(encodeIdentity(other));
  });
});

describe('session ids', () => {
  it('belong to the identity they were made for, and to no other', () => {
    fc.assert(
      fc.property(identity, identity, (one, other) => {
        const id = sessionId(one);
        expect(sessionBelongsTo(id, encodeIdentity(one), one.tenant)).toBe(true);
        expect(sessionBelongsTo(id, encodeIdentity(other), other.tenant)).toBe(same(one, other));
        if (one.tenant !== undefined) expect(sessionBelongsTo(id, encodeIdentity({ userId: one.userId }), undefined)).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  it('are base64url of fixed lengths, with the slot tag first and the tenant only where there is one', () => {
    const plain = sessionId({ userId: 'ann' });
    const ofTenant = sessionId({ userId: 'ann', tenant: 'acme' });
    expect(plain).toMatch(/^[\w-]{28}$/);
    expect(ofTenant).toMatch(/^[\w-]{50}$/);
    expect([tenantHashOf(plain), tenantHashOf(ofTenant)]).toEqual([undefined, hashTenant('acme')]);
    for (const id of [plain, ofTenant]) {
      expect(isSessionId(id)).toBe(true);
      expect(tagOf(id) + restOf(id)).toBe(id);
    }
  });

  it.each([
    '',
    'x',
    'a'.repeat(27),
    'a'.repeat(29),
    'a'.repeat(49),
    'a'.repeat(51),
    `${'a'.repeat(28)}\n`,
    `{${'a'.repeat(27)}`,
    `${'a'.repeat(27)}*`,
  ])('are told from other text: %j', (text) => {
    expect(isSessionId(text)).toBe(false);
    expect(sessionBelongsTo(text, 'ann', undefined)).toBe(false);
  });

  it('have a random part of 128 bits that does not repeat', () => {
    const made = Array.from({ length: 20_000 }, () => randomText(16));
    expect(new Set(made).size).toBe(made.length);
    expect(made.every((text) => /^[\w-]{22}$/.test(text))).toBe(true);
  });
});
