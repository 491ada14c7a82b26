import { expect, it } from 'vitest';
import { CacheKeys } from '../../../lib/cache/cache-keys.js';

const NAMES = ['e', 'n', 'h', 'foo', 'e:foo', ':foo', '#foo', 'n:', '/'];

/** Every name that a registration with this prefix can give a key, made of those. */
function keysUnder(prefix: string): string[] {
  const cache = new CacheKeys(prefix);
  const spaces = [cache, ...NAMES.map((name) => cache.namespace(name)), ...NAMES.map((name) => cache.namespace('n').namespace(name))];
  return spaces.flatMap((keys) => [
    ...keys.versions,
    ...NAMES.flatMap((name) => [keys.entry(name), keys.lock(name), keys.tag(encodeURIComponent(name))]),
  ]);
}

it.each(['e', 'n', 'h', 'foo'])('no key of an instance called %s is one of the instance without a name', (instance) => {
  const ofDefault = new Set(keysUnder('auth:'));
  expect(keysUnder(`auth:${instance}:`).filter((key) => ofDefault.has(key))).toEqual([]);
});
