/** One call on one instance, as its process saw it; times by {@link now}. */
interface CallOf<Does extends string> {
  /** Number of the instance. */
  readonly on: number;
  readonly does: Does;
  readonly start: number;
  readonly end: number;
  /**
   * `ok`, `was not live` (false or null), `refused: <reason>`, `unavailable` (it may have been carried out, or may yet be), `busy` or
   * `lost` of a lock, or `failed: <why>` for whatever should not be.
   */
  readonly outcome: string;
}

export type SessionAction = 'sign-in' | 'refresh' | 'verify' | 'revoke' | 'log-out' | 'revoke-token' | 'revoke-all' | 'revoke-tenant';

export interface SessionCall extends CallOf<SessionAction> {
  /** Name of the session it is about. */
  readonly session?: string;
  /** Name of the access token presented, or issued. */
  readonly token?: string;
  /** Of a sign-in, and of what ends all sessions of a user. */
  readonly identity?: string;
  /** Of a sign-in, and of what ends all sessions of a tenant. */
  readonly tenant?: string;
  /** Name of the session that was to be spared. */
  readonly except?: string;
  /** Names of refresh tokens, made of their text: that presented, and that received. */
  readonly presented?: string;
  readonly successor?: string;
}

/** `lock`: from when it was asked for until it was obtained. `write`: at a moment at which the lock was known to be held. */
export interface LockCall extends CallOf<'lock' | 'write' | 'release'> {
  readonly key: string;
  readonly fence?: number;
}

export interface LimitCall extends CallOf<'consume'> {
  readonly key: string;
  readonly algorithm: 'gcra' | 'fixed' | 'sliding';
  /** That was asked for. */
  readonly limit: number;
  readonly windowMs: number;
  readonly allowed?: boolean;
  /** The limit of which the answer tells: that of this instance alone where it decided by itself. */
  readonly toldLimit?: number;
}

/** What changes an entry is `ok` only if Redis carried it out, though the caller of a cache is not told. */
export interface CacheCall extends CallOf<'load' | 'set' | 'get' | 'get-or-set' | 'delete' | 'invalidate-tags' | 'clear'> {
  readonly key?: string;
  /** Name of the value that was loaded, set or found; each is made once. */
  readonly value?: string;
  /** Of what was loaded, and those that were invalidated. */
  readonly tags?: readonly string[];
}

export type Call = SessionCall | LockCall | LimitCall | CacheCall;

/** Milliseconds by a clock that all processes of a machine share and nobody sets. */
export function now(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

/** A while in which Redis may lose what it has acknowledged. */
export interface Lapse {
  readonly from: number;
  readonly to: number;
  /** A master that fails over takes its last writes with it; a server that begins anew has nothing. */
  readonly loses: 'last writes' | 'everything';
}

/** Whether something that went on from `start` to `end` lies in it, if in part. */
export function isWithin({ from, to }: Lapse, { start, end }: { readonly start: number; readonly end: number }): boolean {
  return end >= from && start <= to;
}

/** Something that should not be. */
export interface Violation {
  readonly what: string;
  /** The one that should not be, then what forbade it. */
  readonly calls: readonly Call[];
}

/** What a process tells. */
export interface Report {
  readonly ready?: true;
  readonly calls?: readonly Call[];
  /** For the same workload in other processes. */
  readonly shared?: readonly Shared[];
  /** What became of each token asked about, by name. */
  readonly audited?: readonly [token: string, outcome: string][];
  /** The last word: what went wrong unnoticed. */
  readonly unhandled?: readonly string[];
}

export interface Shared {
  readonly of: WorkloadName;
  readonly what: unknown;
}

/** What a process is told. */
export interface Order {
  readonly shared?: readonly Shared[];
  readonly audit?: readonly [token: string, accessToken: string][];
  /** No more calls of its own accord. */
  readonly rest?: true;
  readonly stop?: true;
}

export type WorkloadName = 'revocation' | 'families' | 'locks' | 'limits' | 'cache';

/** How a process is to behave. */
export interface InstanceOptions {
  readonly index: number;
  readonly workloads: readonly WorkloadName[];
  /** Of the package. */
  readonly options: Record<string, unknown>;
  readonly seed: number;
  /** How much more time is to be between two calls than there is in a run of seconds. */
  readonly leisure: number;
  /** For how long what was ended is still presented. */
  readonly presentForMs: number;
}
