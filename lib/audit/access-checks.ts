import { isObject, weaknessOf } from '../options/index.js';
import { accessOf, type AuditedOptions, isLocalHost, type ServerFacts } from './facts.js';
import type { Outcome } from './finding.js';

/** How each master is reached, and as whom. */
export const ACCESS_CHECKS: readonly ((facts: ServerFacts, options: AuditedOptions) => Outcome[])[] = [
  plaintext,
  unverified,
  defaultUser,
  broadUser,
  weakPassword,
];

/** Online guesses are quick with Redis: it has no delay after a wrong one. */
const SHORTEST_PASSWORD = 12;
const LEAST_RIGHTS = 'make an ACL user with the rights that `npx nestjs-redis-auth acl` prints';

function plaintext({ isLocal, isTls, address }: ServerFacts): Outcome[] {
  if (isLocal || isTls) return [];
  return [
    {
      code: 'plaintext',
      severity: 'error',
      path: 'redis',
      message: `the link to ${address} is not encrypted: whoever is on the way reads its password and can change every answer`,
      advice: 'use TLS (rediss://, or redis.tls)',
    },
  ];
}

function unverified({ isTls, isLocal }: ServerFacts, { redis }: AuditedOptions): Outcome[] {
  const { tls } = accessOf(redis);
  if (!isTls || !isObject(tls) || tls['rejectUnauthorized'] !== false) return [];
  return [
    {
      code: 'tls-unverified',
      severity: isLocal ? 'info' : 'warning',
      path: 'redis.tls.rejectUnauthorized',
      message: 'the certificate of Redis is not checked: whoever is on the way can pose as it',
      advice: 'leave it out, and give the authority in redis.tls.ca',
    },
  ];
}

/** Where it has no password, everybody who reaches the port is this user. */
function defaultUser(facts: ServerFacts, { redis }: AuditedOptions): Outcome[] {
  const { userName, user, isLocal, isManaged } = facts;
  if (userName !== 'default') return [];
  const hasPassword = accessOf(redis).password !== undefined && user?.flags.includes('nopass') !== true;
  const excess = excessOf(facts);
  if (hasPassword && (isManaged || excess.length === 0)) return [];
  return [
    {
      code: 'default-user',
      severity: isLocal ? 'info' : hasPassword ? 'warning' : 'error',
      path: 'redis.username',
      message: hasPassword
        ? `the connection is the default user, who may use ${excess.join(' and ')}`
        : 'Redis asks for no password: everybody who reaches it may do what this application may',
      advice: LEAST_RIGHTS,
    },
  ];
}

function broadUser(facts: ServerFacts): Outcome[] {
  if (facts.userName === 'default') return [];
  const excess = excessOf(facts);
  if (excess.length === 0) return [];
  return [
    {
      code: 'broad-acl',
      severity: 'warning',
      path: 'redis.username',
      message: `the ACL user may use ${excess.join(' and ')}, which nothing here needs`,
      advice: LEAST_RIGHTS,
    },
  ];
}

/** A user who may not ask for their own rights has none of an administrator. */
function excessOf({ user, mayUseForeignKeys }: ServerFacts): string[] {
  return [
    ...(user?.commands.some(mayAdministrate) ? ['commands of an administrator (@admin, @dangerous)'] : []),
    ...(mayUseForeignKeys ? ['keys of others'] : []),
  ];
}

function weakPassword({ isLocal }: ServerFacts, { redis }: AuditedOptions): Outcome[] {
  const { username, password } = accessOf(redis);
  if (password === undefined || password === '') return [];
  const [weakness] = weaknessOf(Buffer.from(password), SHORTEST_PASSWORD)?.split('; ') ?? [];
  if (weakness === undefined && password !== username) return [];
  return [
    {
      code: 'weak-redis-password',
      severity: isLocal ? 'warning' : 'error',
      path: 'redis.password',
      message: `the password of Redis ${weakness ?? 'is the name of its user'}`,
      advice: 'make one with: openssl rand -base64 24',
    },
  ];
}

/** Of Sentinels, whose word decides where everything is sent. */
export function plainSentinels({ redis }: AuditedOptions): Outcome[] {
  if (redis.kind !== 'sentinel' || redis.options.sentinelTLS) return [];
  const remote = (redis.options.sentinels ?? []).filter(({ host }) => !isLocalHost(host ?? 'localhost'));
  if (remote.length === 0) return [];
  return [
    {
      code: 'plaintext',
      severity: 'error',
      path: 'redis.sentinelTLS',
      message: 'the links to the Sentinels are not encrypted: whoever is on the way can send this application to another Redis',
      advice: 'use TLS (rediss://, or redis.sentinelTLS)',
    },
  ];
}

/** By the categories alone, in order; every command of @admin is one of @dangerous, too. */
function mayAdministrate(rules: readonly string[]): boolean {
  let [admin, dangerous] = [false, false];
  for (const rule of rules) {
    if (/^(\+@all|allcommands|\+@dangerous)$/.test(rule)) [admin, dangerous] = [true, true];
    else if (/^(-@all|nocommands|-@dangerous)$/.test(rule)) [admin, dangerous] = [false, false];
    else if (/^[+-]@admin$/.test(rule)) admin = rule.startsWith('+');
  }
  return admin || dangerous;
}
