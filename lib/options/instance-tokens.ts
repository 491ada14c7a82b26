/** The instance of a registration that names none. */
export const DEFAULT_INSTANCE = 'default';

/** What a registration provides under a token of its own. */
export type InstancePart =
  | 'options'
  | 'connection'
  | 'sessions'
  | 'tokens'
  | 'migration'
  | 'oauth'
  | 'cache'
  | 'locks'
  | 'rateLimit'
  | 'statistics'
  | 'status'
  | 'guard';

/**
 * Injection token of one part of one registration, as in `nestjs-redis-auth:sessions:admin`. A string, so that
 * it reads well where Nest reports that it cannot resolve a dependency.
 */
export function instanceToken(part: InstancePart, instance: string = DEFAULT_INSTANCE): string {
  return `nestjs-redis-auth:${part}:${instance}`;
}
