import type { CallNode } from '../redis/index.js';
import { TokenKeys } from '../tokens/index.js';
import type { Sample } from './estimate.js';

/** Names of the measures; those of tokens by type are {@link tokensOf} and {@link ownersOf}. */
export const MEASURES = ['keys', 'bytes', 'sessions', 'users', 'tokens', 'owners', 'records'] as const;

/** Glob of what follows the prefix in the name of a key of ours, and of some others, which {@link measure} passes over. */
export const OUR_KEYS = '?:*';
/**
 * A letter and the slot's tag, the hash of an oidc-provider record, or a name of the cache, which has no colon but its own;
 * an instance whose prefix is longer has none of them there.
 */
const OUR_NAME = /^(?:[a-z]:\{|[gj]:[\w-]+$|[eh]:[^:{}]*:[^:{}]+$|n::[^:{}]*$)/;

/** Every expiry is less: an index of sessions holds an epoch beside them, in µs. */
const BEYOND_EXPIRIES = '(1000000000000000';
const SAMPLES = 5;
/** The letter of a token's record. */
const RECORD = 'k';

/** What the letter of a key says about its sorted set: what its live members are, and what one such key is. */
const INDEXES = new Map([
  ['u', { members: 'sessions', owner: 'users', until: BEYOND_EXPIRIES }],
  ['i', { members: 'tokens', owner: undefined, until: '+inf' }],
  ['o', { members: undefined, owner: 'owners', until: '+inf' }],
]);

export function tokensOf(app: string, type: string): string {
  return `tokens ${app} ${type}`;
}

export function ownersOf(app: string, type: string): string {
  return `owners ${app} ${type}`;
}

/** App and type of a measure of {@link tokensOf}. */
export function scopeOfMeasure(name: string): { app: string; type: string } | undefined {
  const [, app, type] = /^tokens (\S+) (\S+)$/.exec(name) ?? [];
  return app === undefined || type === undefined ? undefined : { app, type };
}

/** Measures those of the keys that are ours, in one pipeline. */
export async function measure(on: CallNode, keys: readonly string[], prefix: string, nowMs: number): Promise<Sample> {
  const ours = keys.filter((key) => key.startsWith(prefix) && OUR_NAME.test(key.slice(prefix.length)));
  const sums = new Map<string, number>();
  const add = (name: string, count: number): void => void sums.set(name, (sums.get(name) ?? 0) + count);
  if (ours.length === 0) return { keys: keys.length, sums };
  const indexes = ours.filter((key) => INDEXES.has(key[prefix.length]!));
  const replies = await on(async (node) => {
    const answers = await node
      .pipeline([
        ...ours.map((key) => ['memory', 'usage', key, 'samples', SAMPLES]),
        ...indexes.map((key) => ['zcount', key, `(${nowMs}`, INDEXES.get(key[prefix.length]!)!.until]),
      ])
      .exec();
    return (answers ?? []).map(([error, value]) => {
      if (error === null) return Number(value ?? 0);
      // A stranger's key by a name of ours.
      if (error.message.startsWith('WRONGTYPE')) return 0;
      throw error;
    });
  });
  for (const [n, key] of ours.entries()) {
    const bytes = replies[n]!;
    // It has gone meanwhile.
    if (bytes === 0) continue;
    add('keys', 1);
    add('bytes', bytes);
    if (key[prefix.length] === RECORD) add('records', 1);
  }
  for (const [n, key] of indexes.entries()) {
    const live = replies[ours.length + n]!;
    if (live > 0) addIndex(add, key, prefix, live);
  }
  return { keys: keys.length, sums };
}

function addIndex(add: (name: string, count: number) => void, key: string, prefix: string, live: number): void {
  const { members, owner } = INDEXES.get(key[prefix.length]!)!;
  if (owner !== undefined) add(owner, 1);
  if (members === 'sessions') add(members, live);
  if (members !== 'tokens') return;
  const names = new TokenKeys(prefix).readIndex(key);
  if (names === undefined) return;
  add(members, live);
  add(tokensOf(names.app, names.type), live);
  add(ownersOf(names.app, names.type), 1);
}
