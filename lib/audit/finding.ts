import type { TroubleCode } from '../redis/index.js';

/** `error` is what `audit: 'enforce'` refuses to start for; `info` is told by the doctor alone. */
export type AuditSeverity = 'info' | 'warning' | 'error';

/** What the audit can find, stable across releases; docs/audit.md tells what each means and what to do. */
export type AuditCode =
  // the server
  | 'server-version'
  | 'eviction-policy'
  | 'no-persistence'
  | 'persistence-failing'
  | 'few-replicas'
  | 'not-a-master'
  | 'wrong-database'
  | 'shared-database'
  | 'clock-difference'
  | 'no-memory-limit'
  | 'memory-headroom'
  // the way to it, and as whom
  | 'plaintext'
  | 'tls-unverified'
  | 'default-user'
  | 'broad-acl'
  | 'weak-redis-password'
  // the options
  | 'profile-overridden'
  | 'invalid-option'
  | 'weak-secret'
  | 'shared-secret'
  | 'cookie-insecure-origin'
  | 'cookie-name-shared'
  | 'cookie-size'
  // there is no connection
  | TroubleCode;

/** One thing that is not as it should be. */
export interface AuditFinding {
  readonly code: AuditCode;
  readonly severity: AuditSeverity;
  /** Path of the option, where one is to blame. */
  readonly path?: string;
  /** What is found; never the value of a secret. */
  readonly message: string;
  /** What to do. */
  readonly advice: string;
}

/** A check that could not be made, and why. */
export interface UnknownCheck {
  readonly code: AuditCode;
  readonly reason: string;
}

/** What a check comes to. */
export type Outcome = AuditFinding | UnknownCheck;

/** What an audit came to. */
export interface AuditReport {
  /** Errors first. */
  readonly findings: readonly AuditFinding[];
  readonly unknown: readonly UnknownCheck[];
}

const RANK: Readonly<Record<AuditSeverity, number>> = { error: 0, warning: 1, info: 2 };

export function reportOf(outcomes: readonly Outcome[]): AuditReport {
  const findings = outcomes.filter((outcome) => 'severity' in outcome).sort((one, other) => RANK[one.severity] - RANK[other.severity]);
  return { findings, unknown: outcomes.filter((outcome) => 'reason' in outcome) };
}
