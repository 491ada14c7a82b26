import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomText } from '../../../lib/data/index.js';
import {
  customRest,
  idOfGenerated,
  isGenerated,
  isTokenId,
  namesOf,
  ownerTag,
  pointerOf,
  restOf,
  tagOf,
  TokenKeys,
} from '../../../lib/tokens/token-keys.js';

const keys = new TokenKeys('auth:');
const texts = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }),
  fc.constantFrom(':', ' ', '{', '}', '%', '%3A', 'a:b', 'a b'),
);
const names = namesOf('default', 'key');

describe('names of keys', () => {
  it('hold exactly one tag and no space, whatever the ids', () => {
    fc.assert(
      fc.property(texts, texts, texts, (app, type, owner) => {
        const scope = namesOf(app, type);
        const { app: ownerName } = namesOf(owner, 'x');
        const tag = ownerTag(scope.app, ownerName);
        for (const key of [keys.index(tag, scope, ownerName), keys.types(tag, scope.app, ownerName), keys.code(tag, scope, ownerName)]) {
          expect(key).toMatch(/^auth:[ioc]:\{[\w-]{6}\}[^{}\s]+$/);
        }
      }),
    );
  });

  it('are the same for no two places', () => {
    const places = fc.tuple(texts, texts, texts);
    const keyOf = ([app, type, owner]: readonly [string, string, string]): string => {
      const scope = namesOf(app, type);
      const { app: ownerName } = namesOf(owner, 'x');
      return keys.index(ownerTag(scope.app, ownerName), scope, ownerName);
    };
    fc.assert(
      fc.property(places, places, (one, two) => {
        expect(keyOf(one) === keyOf(two)).toBe(JSON.stringify(one) === JSON.stringify(two));
      }),
    );
  });

  it('of a request are of all its parts', () => {
    const of = (...parts: string[]): string => keys.request('abcdef', ...parts);
    expect(of('a', 'b')).toMatch(/^auth:r:\{abcdef\}[\w-]{22}$/);
    expect(new Set([of('a', 'b'), of('ab'), of('a', 'b', ''), of('', 'a', 'b'), of('a","b')]).size).toBe(5);
  });
});

describe('tokens and their ids', () => {
  it('a generated token is told by its form alone, and leads to its record by its hash', () => {
    const token = ownerTag('default', 'ann') + randomText(32);
    expect(isGenerated(token)).toBe(true);
    const id = idOfGenerated(names, token);
    expect(isTokenId(id)).toBe(true);
    expect(id).toHaveLength(28);
    expect(tagOf(id)).toBe(tagOf(token));
    expect(restOf(id)).toBe(hash('sha256', `default:key:${token}`, 'base64url').slice(0, 22));
    expect(keys.record(id)).toBe(`auth:k:{${tagOf(token)}}${restOf(id)}`);
    for (const other of [`${token}A`, token.slice(1), `${token.slice(0, -1)}~`, `${token.slice(0, -1)}\n`, `${token}\n`, '']) {
      expect(isGenerated(other), JSON.stringify(other)).toBe(false);
    }
    expect(idOfGenerated(namesOf('default', 'other'), token)).not.toBe(id);
    expect(idOfGenerated(namesOf('shop', 'key'), token)).not.toBe(id);
  });

  it('a custom token has a pointer of its own for each app and type, and an id that says nothing of it', () => {
    const scopes = [names, namesOf('default', 'key2'), namesOf('default:key', '2'), namesOf('d', 'efault:key')];
    const pointers = scopes.flatMap((scope) => ['mine', ':mine', 'mine '].map((token) => pointerOf(scope, token)));
    expect(new Set(pointers).size).toBe(pointers.length);
    for (const pointer of pointers) expect(keys.pointer(pointer)).toMatch(/^auth:p:\{[\w-]{6}\}[\w-]{22}$/);
    const id = ownerTag('default', 'ann') + customRest(randomText(18));
    expect(id).toHaveLength(29);
    expect(isTokenId(id)).toBe(true);
  });

  it.each(['', 'x', 'x'.repeat(27), 'x'.repeat(30), `${'x'.repeat(27)}}`, `${'x'.repeat(28)}\n`])('%j is no id', (text) => {
    expect(isTokenId(text)).toBe(false);
  });
});
