import { type AclFeature, type Grants, grantsFor } from '../../../lib/privileges/index.js';
import { uniquePrefix } from '../key-prefix.js';
import { exercise, NEEDS } from './exercises.js';
import { forgetScripts } from './place.js';
import { allow, type Setup } from './setups.js';

/** A part of what a user is granted: a command, or a pattern of keys or channels as it is behind the prefix. */
export type Grant = { readonly list: keyof Grants; readonly name: string };

/** What became of an exercise. */
export interface Outcome {
  readonly user: string;
  /** Undefined where all was as it should be. */
  readonly error?: Error;
}

let users = 0;

/** Goes through a feature as a user who may do just that, `without` one part of it. */
export async function tryFeature(
  feature: AclFeature,
  setup: Setup,
  { without, keyPrefix = uniquePrefix() }: { without?: Grant; keyPrefix?: string } = {},
): Promise<Outcome> {
  const user = `user-${process.pid}-${users++}`;
  await allow(user, less(grantsOf(feature, setup, keyPrefix), keyPrefix, without), setup.servers);
  const place = { redis: setup.as(user), keyPrefix, ownPrefix: ownPrefixOf(keyPrefix), servers: setup.servers };
  await forgetScripts(place);
  try {
    await exercise(feature, place);
    return { user };
  } catch (error) {
    return { user, error: error as Error };
  }
}

/** Each part of what a feature is granted, but for what those it needs are granted already. */
export function partsOf(feature: AclFeature, { isCluster }: Pick<Setup, 'isCluster'>): Grant[] {
  const prefix = 'PREFIX:';
  const granted = (features: readonly AclFeature[]): Grant[] =>
    Object.entries(grantsFor({ features, cluster: isCluster, keyPrefix: prefix })).flatMap(([list, names]: [string, readonly string[]]) =>
      names.map((name) => ({ list: list as keyof Grants, name: name.replace(prefix, '') })),
    );
  const needs = NEEDS[feature];
  const before = needs === undefined ? [] : granted(needs);
  return granted([feature]).filter(({ list, name }) => !before.some((other) => other.list === list && other.name === name));
}

export function ownPrefixOf(keyPrefix: string): string {
  return `own-${keyPrefix}`;
}

function grantsOf(feature: AclFeature, { isCluster }: Setup, keyPrefix: string): Grants {
  const features = [feature, ...(NEEDS[feature] ?? [])];
  const keys = feature === 'fenced-writes' ? [`${ownPrefixOf(keyPrefix)}*`] : feature === 'migration-source' ? ['app:*'] : [];
  return grantsFor({ features, keyPrefix, keys, cluster: isCluster });
}

function less(grants: Grants, keyPrefix: string, without: Grant | undefined): Grants {
  if (without === undefined) return grants;
  const { list, name } = without;
  const rest = grants[list].filter((granted) => granted.replace(keyPrefix, '') !== name);
  if (rest.length === grants[list].length) throw new Error(`${name} is not among the ${list}`);
  return { ...grants, [list]: rest };
}
