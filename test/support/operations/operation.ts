import type { Services } from './services.js';

export type Feature =
  | 'sessions'
  | 'tokens'
  | 'oauth'
  | 'cache'
  | 'locks'
  | 'rate-limit'
  | 'statistics'
  | 'migration'
  | 'connection'
  | 'guard'
  | 'keyv'
  | 'throttler'
  | 'oidc-provider';

/**
 * What a call does with Redis, which decides what it comes to when Redis cannot be asked.
 *
 * - `read`: asks, and changes nothing · `write`: needs more memory there · `change`: takes something away, or changes it in its place, and goes on while Redis is full
 * - `known`: answers from what this process knows, if that is certain
 * - `cache`, `limit`: does without Redis · `lock`, `unlock`: tells of it by an error of their own
 * - `close`: ends a connection · `here`: does not ask Redis at all
 */
export type Kind = 'read' | 'write' | 'change' | 'known' | 'cache' | 'limit' | 'lock' | 'unlock' | 'close' | 'here';

/** A call that may be made now. */
export interface Prepared {
  call(): Promise<unknown>;
  /** How often it has taken effect, by the word of an instance that can ask Redis; absent where it changes nothing. May be asked once. */
  effects?(other: Services): Promise<number>;
}

/** A public method of a provider. */
export interface Operation {
  /** As in `SessionService.refresh`; for a further way to call it with what is special behind it, in brackets. */
  readonly name: string;
  readonly feature: Feature;
  readonly kind: Kind;
  /** Whether the call resolved to what it resolves to where Redis was asked, rather than to what it does without. */
  succeeded(result: unknown): boolean;
  /** Whether its result tells that; else it looks the same in any case. */
  readonly tells: boolean;
  /** Needs something of the very instance that is called, such as a lock that it holds. */
  readonly isBound: boolean;
  /**
   * Makes, while all is well, what the call needs.
   *
   * @param on is called
   * @param by makes what is needed, over a connection that works
   */
  prepare(on: Services, by?: Services): Promise<Prepared>;
}

/** Makes what a call needs; `id` is a text that nobody else uses. */
export type Recipe = (on: Services, by: Services, id: string) => Promise<Prepared> | Prepared;

interface Particulars {
  succeeded?: (result: never) => boolean;
  isBound?: true;
}

let made = 0;

/** Operations of one feature, each with what it prepares. */
export function operationsOf(feature: Feature): (name: string, kind: Kind, recipe: Recipe, particulars?: Particulars) => Operation {
  return (name, kind, recipe, { succeeded, isBound = false } = {}) => ({
    name,
    feature,
    kind,
    isBound,
    succeeded: (succeeded ?? (() => true)) as (result: unknown) => boolean,
    tells: succeeded !== undefined,
    prepare: async (on, by = on) => recipe(on, by, `op-${process.pid}-${made++}`),
  });
}

/** Once or not at all. */
export async function once(holds: boolean | Promise<boolean>): Promise<number> {
  return (await holds) ? 1 : 0;
}
