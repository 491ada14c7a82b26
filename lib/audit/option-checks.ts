import { ineffectiveOptions, overriddenOptions } from '../redis/index.js';
import { plainSentinels } from './access-checks.js';
import { type AuditedOptions, isLocalHost } from './facts.js';
import type { AuditFinding, Outcome } from './finding.js';
import { sharedSecrets, weakSecrets } from './secret-checks.js';

/** Browsers keep no longer cookie: name, value and attributes. */
const LONGEST_COOKIE = 4096;
/** Header, registered claims, scopes of a few words, signature, and the cookie's own name and attributes. */
const TOKEN_BESIDES_CLAIMS = 700;

/** What the options alone tell. `others` are the registrations of the same application that came before. */
export function checkOptions(options: AuditedOptions, others: readonly AuditedOptions[]): Outcome[] {
  return [
    ...profile(options),
    ...plainSentinels(options),
    ...weakSecrets(options),
    ...sharedSecrets(options, others),
    ...insecureOrigin(options),
    ...cookieNames(options, others),
    ...cookieSize(options),
  ];
}

/** Options of ioredis that undo what the package's promises rest on, or that it does not let itself be told. */
function profile({ redis, commandTimeoutMs }: AuditedOptions): AuditFinding[] {
  const overridden = overriddenOptions(redis, commandTimeoutMs).map((path): AuditFinding => ({
    code: 'profile-overridden',
    severity: 'error',
    path,
    message: "overrides the package's connection profile, on which its promises rest",
    advice: 'leave it out unless you are sure',
  }));
  const ineffective = ineffectiveOptions(redis).map((path): AuditFinding => ({
    code: 'profile-overridden',
    severity: 'warning',
    path,
    message: 'has no effect: the package sets it itself',
    advice: 'leave it out',
  }));
  return [...overridden, ...ineffective];
}

/** The cookies are Secure: over plain http no browser sends them back. */
function insecureOrigin({ guard, jwt }: AuditedOptions): AuditFinding[] {
  if (!usesCookies(guard) || jwt === undefined || !URL.canParse(jwt.issuer)) return [];
  const { protocol, hostname } = new URL(jwt.issuer);
  if (protocol !== 'http:' || isLocalHost(hostname.replace(/^\[|\]$/g, ''))) return [];
  return [
    {
      code: 'cookie-insecure-origin',
      severity: 'warning',
      path: 'guard.from',
      message: 'jwt.issuer is an http:// address, and the cookies are Secure: browsers send them by https only',
      advice: 'serve the application by https, and name it so in jwt.issuer',
    },
  ];
}

/** One browser, one cookie: who signs in with one instance is signed out of the other. */
function cookieNames({ guard }: AuditedOptions, others: readonly AuditedOptions[]): AuditFinding[] {
  if (guard === undefined || !usesCookies(guard)) return [];
  const other = others.find((each) => usesCookies(each.guard) && each.guard?.cookieName === guard.cookieName);
  if (other === undefined) return [];
  return [
    {
      code: 'cookie-name-shared',
      severity: 'warning',
      path: 'guard.cookie.name',
      message: `the instance "${other.instance}" has its access token in a cookie of the same name: each refuses the other's`,
      advice: 'give each instance a cookie name of its own',
    },
  ];
}

function cookieSize({ guard, sessions }: AuditedOptions): AuditFinding[] {
  if (!usesCookies(guard) || sessions === undefined) return [];
  const longest = Math.ceil((sessions.maxClaimsBytes * 4) / 3) + TOKEN_BESIDES_CLAIMS;
  if (longest <= LONGEST_COOKIE) return [];
  return [
    {
      code: 'cookie-size',
      severity: 'info',
      path: 'sessions.maxClaimsBytes',
      message: `with claims of ${sessions.maxClaimsBytes} bytes the cookie of an access token is longer than the 4,096 bytes that browsers keep`,
      advice: 'set it to 2500, or keep claims short',
    },
  ];
}

function usesCookies(guard: AuditedOptions['guard']): boolean {
  return guard?.from.includes('cookie') === true;
}
