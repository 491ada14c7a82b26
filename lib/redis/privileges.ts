import { Script } from './script.js';

/** What an ACL user has to be granted for one part of the package. */
export interface Privileges {
  /** What they call is read from their text. */
  readonly scripts?: readonly Script[];
  /** What is sent beside scripts, as ACL rules name it: `get`, `client|tracking`. */
  readonly commands?: readonly string[];
  /** What a Cluster's client sends besides. */
  readonly inCluster?: readonly string[];
  /** Glob patterns of what follows the key prefix in names of keys. */
  readonly keys?: readonly string[];
  /** The same where it only reads. */
  readonly readKeys?: readonly string[];
  /** The same of pub/sub channels, in which the number of the database may stand. */
  readonly channels?: (database: number) => readonly string[];
  /** Channels that have no prefix, since the server names them. */
  readonly serverChannels?: readonly string[];
}

/** What the connection itself sends, whatever it is used for. */
export const connectionPrivileges = {
  commands: ['ping', 'info', 'dbsize'],
  inCluster: ['cluster|slots', 'cluster|info'],
} satisfies Privileges;

/** Every script that modules export, by itself or in an object: one that is added there is granted what it calls. */
export function scriptsIn(...modules: readonly object[]): Script[] {
  return modules.flatMap((module) =>
    Object.values(module).flatMap((value: unknown) => {
      if (value instanceof Script) return [value];
      return typeof value === 'object' && value !== null && !Array.isArray(value) ? scriptsIn(value) : [];
    }),
  );
}
