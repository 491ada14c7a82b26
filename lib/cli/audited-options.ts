import { createSecretKey, randomBytes } from 'node:crypto';
import type { AuditedOptions, AuditFinding } from '../audit/index.js';
import { RedisAuthConfigError } from '../errors/index.js';
import { type ConfigOverrides, parseRedisUrl, redisAuthOptionsFromConfig, resolveOptions, weaknessOf } from '../options/index.js';
import { type Terminal, textOf, UsageError, type Values } from './command.js';

/** Stands for what the application sets in its code. */
const UNKNOWN = 'unknown';

/** The options that the environment and the flags tell, and what is wrong with them; none where they lead to no Redis. */
export function auditedOptions(
  values: Values,
  { env }: Terminal,
  minReplicas: number | undefined,
  commandTimeout: number,
): { options?: AuditedOptions; findings: AuditFinding[] } {
  const url = textOf(values, 'redis');
  if (url !== undefined) parseRedisUrl(url, '--redis');
  const variables = {
    ...env,
    JWT_SECRET: env['REDIS_AUTH_SECRET'] ?? env['JWT_SECRET'],
    REDIS_KEY_PREFIX: textOf(values, 'prefix') ?? env['REDIS_KEY_PREFIX'],
    ...(url !== undefined && { REDIS_URL: url }),
  };
  const overrides = { commandTimeout, ...(minReplicas !== undefined && { locks: { minReplicas } }) };
  try {
    return { options: read(variables, overrides), findings: [] };
  } catch (error) {
    const findings = findingsIn(error, variables);
    if (textOf(values, 'prefix') !== undefined) refusePrefix(findings);
    return { ...readConnection(variables, overrides), findings };
  }
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Without a key of its own nothing is known of the application's tokens and sessions. */
function read(variables: Variables, overrides: ConfigOverrides): AuditedOptions {
  const hasKey = ['JWT_SECRET', 'JWT_PRIVATE_KEY', 'JWT_PUBLIC_KEY'].some((name) => variables[name]);
  const jwt = {
    ...(!hasKey && { secret: createSecretKey(randomBytes(32)) }),
    ...(!variables['JWT_ISSUER'] && { issuer: UNKNOWN }),
    ...(!variables['JWT_AUDIENCE'] && { audience: UNKNOWN }),
  };
  const resolved = resolveOptions(redisAuthOptionsFromConfig({ get: (name) => variables[name] }, { ...overrides, jwt }));
  if (hasKey) return resolved;
  const { redis, keyPrefix, commandTimeoutMs, locks } = resolved;
  return { redis, keyPrefix, commandTimeoutMs, locks };
}

/** Whatever is wrong with the rest, Redis can be looked at. */
function readConnection(variables: Variables, overrides: ConfigOverrides): { options?: AuditedOptions } {
  const ofRedis = Object.fromEntries(Object.entries(variables).filter(([name]) => name.startsWith('REDIS_')));
  try {
    return { options: read(ofRedis, overrides) };
  } catch {
    return {};
  }
}

function findingsIn(error: unknown, variables: Variables): AuditFinding[] {
  if (!(error instanceof RedisAuthConfigError)) throw error;
  return error.issues.map(({ path, message }): AuditFinding => {
    const [problem = message, ...advice] = message.split('; ');
    const isWeak = path === 'JWT_SECRET' && weaknessOf(Buffer.from(variables[path] ?? '')) !== undefined;
    return {
      code: isWeak ? 'weak-secret' : 'invalid-option',
      severity: 'error',
      path,
      message: problem,
      advice: advice.join('; ') || 'set it right, or leave it out',
    };
  });
}

function refusePrefix(findings: readonly AuditFinding[]): void {
  const wrong = findings.find(({ path }) => path === 'REDIS_KEY_PREFIX');
  if (wrong !== undefined) throw new UsageError(`--prefix ${wrong.message}`);
}
