import type { CanActivate, ModuleMetadata, Type } from '@nestjs/common';
import { RedisAuthConfigError } from '../errors/index.js';
import type { HttpRequest } from '../guard/index.js';
import { isText } from '../options/index.js';
import { type IntrospectionCacheSettings, type IntrospectionCacheTimes, readCacheTimes } from './introspection-cache-options.js';
import type { ServedTokens } from './opaque-tokens.js';

/** What RedisAuthOAuthModule is registered with. */
export interface RedisAuthOAuthModuleOptions {
  /** Which registration of RedisAuthModule it belongs to. @default 'default' */
  instance?: string;
  /** Modules that export what this one needs: the registration, unless it is global, and what the guards inject. @default [] */
  imports?: ModuleMetadata['imports'];
  /** The endpoints are `POST <path>/revoke` and `POST <path>/introspect`. @default 'oauth' */
  path?: string;
  /** Mount the revocation endpoint. @default true */
  revocation?: boolean;
  /** Mount the introspection endpoint. @default true */
  introspection?: boolean;
  /** Opaque tokens that are served besides those of sessions; none other is ever found. @default [] */
  tokenTypes?: readonly ServedTokens[];
  /**
   * Authenticate the client; all of them have to let a request in. Required where an endpoint is mounted, since whoever
   * may introspect can try out tokens (RFC 7662, section 2.1), unless `public` says otherwise. To have clients present
   * access tokens, give JwtAuthGuard itself: to one that a guard of yours calls, the endpoints are public.
   */
  guards?: readonly (Type<CanActivate> | CanActivate)[];
  /** Mount the endpoints for everyone. @default false */
  public?: boolean;
  /** The authenticated client of a revocation request, as a guard left it there; opaque tokens of other clients are refused to it. */
  clientId?(request: HttpRequest): string | undefined;
  /** The resource server of an introspection request; what is not meant for it is not active to it. */
  audience?(request: HttpRequest): string | undefined;
  /** How the IntrospectionCache keeps what other servers say of their tokens. */
  cache?: IntrospectionCacheTimes;
}

const KNOWN: ReadonlySet<string> = new Set<keyof RedisAuthOAuthModuleOptions>([
  'instance',
  'imports',
  'path',
  'revocation',
  'introspection',
  'tokenTypes',
  'guards',
  'public',
  'clientId',
  'audience',
  'cache',
]);

/**
 * Checks the options, and reads the times of the cache.
 *
 * @throws RedisAuthConfigError that lists every mistake
 */
export function checkEndpointOptions(options: RedisAuthOAuthModuleOptions): IntrospectionCacheSettings {
  const { path, tokenTypes = [], guards = [], revocation, introspection } = options;
  const issues: { path: string; message: string }[] = [];
  const refuse = (wrong: boolean, name: string, message: string): void => {
    if (wrong) issues.push({ path: `RedisAuthOAuthModule.${name}`, message });
  };
  for (const name of Object.keys(options)) refuse(!KNOWN.has(name), name, 'is not an option');
  refuse(path !== undefined && typeof path !== 'string', 'path', 'must be a string');
  for (const name of ['revocation', 'introspection', 'public'] as const) {
    refuse(options[name] !== undefined && typeof options[name] !== 'boolean', name, 'must be true or false');
  }
  for (const name of ['clientId', 'audience'] as const) {
    refuse(options[name] !== undefined && typeof options[name] !== 'function', name, 'must be a function of the request');
  }
  refuse(!Array.isArray(tokenTypes) || !tokenTypes.every(isServed), 'tokenTypes', 'must be a list of types, or of { type, app }');
  const mounts = revocation !== false || introspection !== false;
  refuse(!Array.isArray(guards), 'guards', 'must be a list of guards');
  refuse(
    mounts && options.public !== true && guards.length === 0,
    'guards',
    'are required to authenticate clients; or say public: true for endpoints that are open to everyone',
  );
  const times = readCacheTimes(options.cache ?? {}, (name, message) => refuse(true, `cache.${name}`, message));
  if (issues.length > 0) throw new RedisAuthConfigError(issues);
  return times;
}

function isServed(served: unknown): served is ServedTokens {
  if (typeof served === 'string') return isText(served, 256);
  const { type, app } = (served ?? {}) as { type?: unknown; app?: unknown };
  return isText(type, 256) && (app === undefined || isText(app, 256));
}
