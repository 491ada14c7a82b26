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
  const algorithm = readAlgorithm(group);
  const list = group.get('keys');
  if (list === undefined) {
    if (sources.length === 0) return group.reject('secret', 'is required; or give privateKey, publicKey, or keys') ?? [];
    const key = resolveKey(group, undefined, algorithm);
    return key === undefined ? [] : [key];
  }
  // They are looked at all the same: what is wrong with them would only show up once they are in the list.
  readMaterial(group);
  if (sources.length > 0) group.reject('keys', `cannot stand beside ${sources.join(' and ')}; put every key into keys`);
  if (!Array.isArray(list) || list.length === 0) return group.reject('keys', 'must be a list of at least one key') ?? [];
  return resolveKeyList(list, algorithm, issues);
}

function resolveKeyList(list: unknown[], fallback: Algorithm | undefined, issues: Issues): ResolvedJwtKey[] {
  const kids = new Set<string>();
  const groups = list.map((entry, index) => new OptionGroup(entry ?? null, `jwt.keys[${index}]`, issues, KEY_KEYS));
  const keys = groups.map((group) => resolveKey(group, readKid(group, kids), group.has('algorithm') ? readAlgorithm(group) : fallback));
  const signs = groups.map((group) => group.has('secret') || group.has('privateKey'));
  if (groups[0]?.has('publicKey') && !signs[0] && signs.includes(true)) {
    issues.add('jwt.keys[0]', 'is a public key alone, but the first key signs; put a key with a secret or privateKey first');
  }
  return keys.filter((key) => key !== undefined);
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

function resolveKey(group: OptionGroup, kid: string | undefined, wanted: Algorithm | undefined): ResolvedJwtKey | undefined {
  const { secret, privateKey, publicKey } = readMaterial(group);
  const isPair = group.has('privateKey') || group.has('publicKey');
  if (!group.has('secret') && !isPair) return group.reject('secret', 'is required; or give privateKey or publicKey');
  if (group.has('secret') && isPair) group.reject('secret', 'cannot stand beside privateKey or publicKey; give one kind of key');
  const ofSecret = group.has('secret') ? HMAC_ALGORITHMS : [];
  const ofPair = publicKey === undefined ? [] : algorithmsOf(publicKey).algorithms;
  // What a pair that cannot be read could do is not known.
  const algorithm = isPair && publicKey === undefined ? undefined : fitting(group, wanted, [...ofSecret, ...ofPair]);
  const signingKey = secret ?? privateKey;
  const verifyingKey = secret ?? publicKey;
  return algorithm && verifyingKey && { ...(kid !== undefined && { kid }), algorithm, ...(signingKey && { signingKey }), verifyingKey };
}

interface Material {
  secret: KeyObject | undefined;
  privateKey: KeyObject | undefined;
  /** As given, or that of the private key. */
  publicKey: KeyObject | undefined;
}

/** Each for itself, whether or not they may stand together. */
function readMaterial(group: OptionGroup): Material {
  const secret = accepted(group, 'secret', readSecret);
  const privateKey = accepted(group, 'privateKey', readPrivateKey);
  const given = accepted(group, 'publicKey', readPublicKey);
  const publicKey = privateKey === undefined ? given : createPublicKey(privateKey);
  if (given && publicKey && !isSame(given, publicKey))
    group.reject('publicKey', 'does not belong to privateKey; leave it out, it is derived');
  return { secret, privateKey, publicKey };
}

/** `equals` of two types leaves an error behind in OpenSSL, for which Node then refuses the next private key that it reads. */
function isSame(one: KeyObject, other: KeyObject): boolean {
  return one.asymmetricKeyType === other.asymmetricKeyType && one.equals(other);
}

function readAlgorithm(group: OptionGroup): Algorithm | undefined {
  const value = group.get('algorithm');
  const algorithm = ALGORITHMS.find((name) => name === value);
  if (value !== undefined && algorithm === undefined) {
    group.reject('algorithm', value === 'none' ? 'none is never accepted' : `must be one of ${ALGORITHMS.join(', ')}`);
  }
  return algorithm;
}

/** Without a wish, or with one that the key cannot fulfil, the first that is possible. */
function fitting(group: OptionGroup, wanted: Algorithm | undefined, possible: readonly Algorithm[]): Algorithm | undefined {
  if (wanted !== undefined && possible.includes(wanted)) return wanted;
  if (wanted !== undefined) group.reject('algorithm', `does not fit the key; possible with it: ${possible.join(', ')}`);
  return possible[0];
}

function accepted(group: OptionGroup, name: string, read: (input: unknown) => KeyReading): KeyObject | undefined {
  if (!group.has(name)) return undefined;
  const { key, problem } = read(group.get(name));
  return key ?? group.reject(name, problem);
}
