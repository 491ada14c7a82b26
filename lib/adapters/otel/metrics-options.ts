import type { MeterProvider } from '@opentelemetry/api';
import { RedisAuthConfigError } from '../../errors/index.js';
import { type Duration, parseDuration } from '../../options/index.js';

/** How live sessions are counted: in the background, by a sample of the keys. */
export interface LiveSessionsOptions {
  /** How often. Each instance counts by itself. @default '1m' */
  every?: Duration;
  /** How many keys are looked at; a Redis with no more is counted in full. Some ten ms of Redis for each 1,000, in small steps. @default 2000 */
  sample?: number;
}

export interface RedisAuthMetricsOptions {
  /** Names of the registrations to look at; `default` is the one without a name. @default ['default'] */
  instances?: readonly string[];
  /** Whose meter is used. @default the global one, as it is when the application has booted */
  meterProvider?: MeterProvider;
  /** `false`: live sessions are not counted. @default every minute, by a sample of 2,000 keys */
  liveSessions?: LiveSessionsOptions | false;
}

const SHORTEST_PAUSE_MS = 1_000;

/** @throws RedisAuthConfigError */
export function checkLiveSessions(options: RedisAuthMetricsOptions['liveSessions']): { everyMs: number; sample: number } | undefined {
  if (options === false) return undefined;
  const { every = '1m', sample = 2_000 } = options ?? {};
  const everyMs = parseDuration(every);
  const issues = [];
  if (everyMs === undefined || everyMs < SHORTEST_PAUSE_MS || everyMs > 2 ** 31 - 1) {
    issues.push({ path: 'liveSessions.every', message: 'must be a duration from 1 s to 24 days' });
  }
  if (!Number.isSafeInteger(sample) || sample < 1) issues.push({ path: 'liveSessions.sample', message: 'must be an integer, at least 1' });
  if (issues.length > 0) throw new RedisAuthConfigError(issues);
  return { everyMs: everyMs!, sample };
}
