import { connectionPrivileges, escapeGlob, type Privileges } from '../redis/index.js';
import { ACL_FEATURES, type AclFeature, privilegesOf, USUAL_FEATURES } from './features.js';
import { InvalidArgumentError } from '../errors/index.js';

/** For what, and where, an ACL user is meant. */
export interface AclOptions {
  /** What it is used for. @default sessions, tokens, oauth, cache, locks, rate-limit */
  features?: readonly AclFeature[];
  /** As the module has it. @default 'auth:' */
  keyPrefix?: string;
  /** Number of the database. @default 0 */
  database?: number;
  /** Where the data lies in a Cluster. @default false */
  cluster?: boolean;
  /** Glob patterns of keys that are not ours: what `writeFenced` writes to, what a migration reads. @default none */
  keys?: readonly string[];
}

/** What a user is granted, in the words of ACL rules but without their signs. */
export interface Grants {
  readonly keys: readonly string[];
  readonly readKeys: readonly string[];
  readonly channels: readonly string[];
  /** Sorted; a subcommand behind a bar. */
  readonly commands: readonly string[];
}

/** What a rule cannot hold in a pattern, as a line is taken apart at it: any one character stands in its place. */
const NOT_IN_A_RULE = /[\s"'\0]/g;

/** @throws InvalidArgumentError for a feature that there is not */
export function grantsFor({
  features = USUAL_FEATURES,
  keyPrefix = 'auth:',
  database = 0,
  cluster = false,
  keys = [],
}: AclOptions): Grants {
  for (const feature of features) {
    if (!ACL_FEATURES.includes(feature)) throw new InvalidArgumentError('features', `must be some of ${ACL_FEATURES.join(', ')}`);
  }
  const parts: readonly Privileges[] = [connectionPrivileges, ...features.flatMap(privilegesOf)];
  const prefix = escapeGlob(keyPrefix).replace(NOT_IN_A_RULE, '?');
  const behind = (patterns: readonly string[]): string[] => patterns.map((pattern) => prefix + pattern);
  return {
    keys: distinct([...parts.flatMap((part) => behind(part.keys ?? [])), ...keys.map((pattern) => pattern.replace(NOT_IN_A_RULE, '?'))]),
    readKeys: distinct(parts.flatMap((part) => behind(part.readKeys ?? []))),
    channels: distinct(parts.flatMap((part) => [...behind(part.channels?.(database) ?? []), ...(part.serverChannels ?? [])])),
    commands: distinct([
      ...parts.flatMap(commandsOf),
      ...(cluster ? parts.flatMap(({ inCluster = [] }) => inCluster) : []),
      ...(database === 0 ? [] : ['select']),
    ]).sort(),
  };
}

/** What is asked of Sentinels, which have users of their own. */
export const SENTINEL_GRANTS: Grants = {
  keys: [],
  readKeys: [],
  channels: ['+switch-master'],
  commands: ['sentinel|get-master-addr-by-name', 'sentinel|sentinels', 'subscribe'],
};

/** As rules for ACL SETUSER or a line of an ACL file, for a user that has none yet. */
export function rulesOf({ keys, readKeys, channels, commands }: Grants): string[] {
  return [
    ...keys.map((pattern) => `~${pattern}`),
    ...readKeys.map((pattern) => `%R~${pattern}`),
    ...channels.map((pattern) => `&${pattern}`),
    ...commands.map((command) => `+${command}`),
  ];
}

/**
 * The rules that an ACL user has to have, and no more: keys, channels and commands, to be put behind
 * `ACL SETUSER <name> reset on #<SHA-256 of its password>`.
 *
 * @throws InvalidArgumentError for a feature that there is not
 */
export function aclRules(options: AclOptions = {}): string {
  return rulesOf(grantsFor(options)).join(' ');
}

function commandsOf({ scripts = [], commands = [] }: Privileges): string[] {
  return [...(scripts.length > 0 ? ['evalsha', 'eval'] : []), ...scripts.flatMap((script) => script.commands), ...commands];
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
