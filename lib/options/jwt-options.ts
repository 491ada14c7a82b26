import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Issues } from './issues.js';
import { ALGORITHMS, algorithmsOf, HMAC_ALGORITHMS } from './key-algorithm.js';
import { type KeyReading, readPrivateKey, readPublicKey, readSecret } from './key-material.js';
import { OptionGroup } from './option-group.js';
import type { Algorithm, JwtKey, JwtOptions } from './options.js';
import type { ResolvedJwtKey, ResolvedJwtOptions } from './resolved-options.js';
import { isText } from './text.js';

const JWT_KEYS = [
  'secret',
  'privateKey',
  'publicKey',
  'keys',
  'algorithm',
  'issuer',
  'audience',
  'clockTolerance',
] as const satisfies readonly (keyof JwtOptions)[];
const KEY_KEYS = ['kid', 'secret', 'privateKey', 'publicKey', 'algorithm'] as const satisfies readonly (keyof JwtKey)[];

const MAX_NAME_BYTES = 1024;

export function resolveJwtOptions(value: unknown, issues: Issues): ResolvedJwtOptions {
  const group = new OptionGroup(value, 'jwt', issues, JWT_KEYS);
  return {
    keys: resolveKeys(group, issues),
    issuer: group.text('issuer', undefined, MAX_NAME_BYTES),
    audience: resolveAudience(group),
    clockToleranceMs: group.duration('clockTolerance', '5s', { minMs: 0, maxMs: 3_600_000 }),
  };
}

function resolveAudience(group: OptionGroup): readonly string[] {
  const value = group.get('audience');
  if (value === undefined) return group.reject('audience', 'is required') ?? [];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (list.length > 0 && list.every((entry) => isText(entry, MAX_NAME_BYTES))) return [...new Set(list)];
  return group.reject('audience', 'must be a non-empty string or a list of such') ?? [];
}

function resolveKeys(group: OptionGroup, issues: Issues): ResolvedJwtKey[] {
  const sources = (['secret', 'privateKey', 'publicKey'] as const).filter((name) => group.has(name));
  const list = group.get('keys');
  if (list === undefined) {
    if (sources.length === 0) group.reject('secret', 'is required; or give privateKey, publicKey, or keys');
    const key = sources.length === 0 ? undefined : resolveKey(group, undefined, undefined);
    return key === undefined ? [] : [key];
  }
  if (sources.length > 0) group.reject('keys', `cannot stand beside ${sources.join(' and ')}; put every key into keys`);
  if (!Array.isArray(list) || list.length === 0) return group.reject('keys', 'must be a list of at least one key') ?? [];
  return resolveKeyList(list, readAlgorithm(group), issues);
}

function resolveKeyList(list: unknown[], fallback: Algorithm | undefined, issues: Issues): ResolvedJwtKey[] {
  const before = issues.count;
  const kids = new Set<string>();
  const keys = list.map((entry, index) => {
    const group = new OptionGroup(entry ?? null, `jwt.keys[${index}]`, issues, KEY_KEYS);
    return resolveKey(group, readKid(group, kids), fallback);
  });
  const resolved = keys.filter((key) => key !== undefined);
  if (issues.count === before && resolved[0]?.signingKey === undefined && resolved.some((key) => key.signingKey !== undefined)) {
    issues.add('jwt.keys[0]', 'is a public key alone, but the first key signs; put a key with a secret or privateKey first');
  }
  return resolved;
}

/** The `kid` (or `id`) of a key in a list, where no two may be the same. */
export function readKid(group: OptionGroup, taken: Set<string>, name: 'kid' | 'id' = 'kid'): string {
  const kid = group.get(name);
  if (typeof kid !== 'string' || !/^[\w-]{1,64}$/.test(kid)) {
    group.reject(name, kid === undefined ? 'is required' : 'must be 1 to 64 characters of A-Z a-z 0-9 _ -');
    return '';
  }
  if (taken.has(kid)) group.reject(name, 'is used by another key of the list');
  taken.add(kid);
  return kid;
}

function resolveKey(group: OptionGroup, kid: string | undefined, fallback: Algorithm | undefined): ResolvedJwtKey | undefined {
  const algorithm = readAlgorithm(group) ?? fallback;
  const named = kid === undefined ? {} : { kid };
  if (group.has('secret')) {
    if (group.has('privateKey') || group.has('publicKey')) {
      return group.reject('secret', 'cannot stand beside privateKey or publicKey; give one kind of key');
    }
    const secret = accepted(group, 'secret', readSecret(group.get('secret')));
    const pinned = fitting(group, algorithm, HMAC_ALGORITHMS);
    return secret && pinned && { ...named, algorithm: pinned, signingKey: secret, verifyingKey: secret };
  }
  if (group.has('privateKey')) return resolveKeyPair(group, named, algorithm);
  if (!group.has('publicKey')) return group.reject('secret', 'is required; or give privateKey or publicKey');
  const verifyingKey = accepted(group, 'publicKey', readPublicKey(group.get('publicKey')));
  const pinned = verifyingKey && pinAlgorithm(group, 'publicKey', verifyingKey, algorithm);
  return verifyingKey && pinned && { ...named, algorithm: pinned, verifyingKey };
}

function resolveKeyPair(group: OptionGroup, named: { kid?: string }, algorithm: Algorithm | undefined): ResolvedJwtKey | undefined {
  const signingKey = accepted(group, 'privateKey', readPrivateKey(group.get('privateKey')));
  const given = group.has('publicKey') ? accepted(group, 'publicKey', readPublicKey(group.get('publicKey'))) : undefined;
  const pinned = signingKey && pinAlgorithm(group, 'privateKey', signingKey, algorithm);
  if (!signingKey || !pinned) return undefined;
  const verifyingKey = createPublicKey(signingKey);
  if (given && !given.equals(verifyingKey)) group.reject('publicKey', 'does not belong to privateKey; leave it out, it is derived');
  return { ...named, algorithm: pinned, signingKey, verifyingKey };
}

function readAlgorithm(group: OptionGroup): Algorithm | undefined {
  const value = group.get('algorithm');
  const algorithm = ALGORITHMS.find((name) => name === value);
  if (value !== undefined && algorithm === undefined) {
    group.reject('algorithm', value === 'none' ? 'none is never accepted' : `must be one of ${ALGORITHMS.join(', ')}`);
  }
  return algorithm;
}

function pinAlgorithm(group: OptionGroup, name: string, key: KeyObject, wanted: Algorithm | undefined): Algorithm | undefined {
  const { algorithms, problem } = algorithmsOf(key);
  return problem === undefined ? fitting(group, wanted, algorithms) : group.reject(name, problem);
}

function fitting(group: OptionGroup, wanted: Algorithm | undefined, possible: readonly Algorithm[]): Algorithm | undefined {
  if (wanted === undefined) return possible[0];
  return possible.includes(wanted) ? wanted : group.reject('algorithm', `does not fit the key; possible with it: ${possible.join(', ')}`);
}

function accepted(group: OptionGroup, name: string, reading: KeyReading): KeyObject | undefined {
  return reading.key ?? group.reject(name, reading.problem);
}
