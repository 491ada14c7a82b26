import { hash } from 'node:crypto';
import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  Logger,
  type NestInterceptor,
  type Type,
  UseInterceptors,
} from '@nestjs/common';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { DEFAULT_INSTANCE, instanceToken } from '../options/index.js';
import { CacheAdapter } from './cache-adapter.js';
import { checkFillOptions } from './cache-arguments.js';
import type { GetOrSetOptions } from './cache-types.js';

/** How {@link Cached} keeps the answers of a route. */
export interface CachedOptions extends GetOrSetOptions {
  /** One answer for everybody, whoever they are: only for what is the same for all. @default false */
  shared?: boolean;
  /** Who `request.user` is, where that is not a VerifiedSession but what `guard.userLoader` made of it. @default its tenant and userId */
  by?: (user: unknown) => string;
  /** Whose CacheAdapter to use. @default that of the registration without a name */
  instance?: string;
}

/** What is read of a request of Express or Fastify. */
interface CachedRequest {
  readonly method?: string;
  readonly url?: string;
  readonly originalUrl?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly user?: unknown;
}

/** Under which answers lie in the cache: `cache.namespace(CACHED_ROUTES).clear()` ends them all. */
export const CACHED_ROUTES = '@Cached';

/**
 * Keeps what a handler returns for GET and HEAD, by {@link CacheAdapter.getOrSet}: one answer for each URL and, where a
 * guard has set `request.user`, for each user. Guards run first, also for an answer that is kept. Not kept is an answer to
 * somebody who cannot be told from others: with an Authorization header but no user, or with a user that has no `userId`
 * and no `by` to say who it is. What the answer depends on beside URL and user (other headers, cookies, scopes) is not
 * known here. For handlers that return what they answer with, not streams; interceptors around this one get plain data,
 * no instances of classes, so that a ClassSerializerInterceptor leaves nothing out.
 *
 * @throws InvalidArgumentError where it stands, for wrong options
 */
export function Cached(options: CachedOptions): MethodDecorator & ClassDecorator {
  const { shared = false, by, instance = DEFAULT_INSTANCE, ...filling } = options ?? {};
  checkFillOptions(filling);
  return UseInterceptors(interceptorOf({ shared, by: by ?? userIdOf, filling: filling, instance }));
}

interface Settings {
  readonly shared: boolean;
  readonly by: (user: unknown) => string | undefined;
  readonly filling: GetOrSetOptions;
  readonly instance: string;
}

function interceptorOf({ shared, by, filling, instance }: Settings): Type<NestInterceptor> {
  @Injectable()
  class CachedInterceptor implements NestInterceptor {
    private readonly logger = new Logger('RedisAuthCache');
    private warned = false;

    constructor(
      @Inject(instance === DEFAULT_INSTANCE ? CacheAdapter : instanceToken('cache', instance)) private readonly cache: CacheAdapter,
    ) {}

    intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
      const request = context.getType() === 'http' ? context.switchToHttp().getRequest<CachedRequest>() : undefined;
      if (request === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) return next.handle();
      const principal = shared ? '' : this.principalOf(request, context);
      if (principal === undefined) return next.handle();
      const place = [context.getClass().name, context.getHandler().name, request.originalUrl ?? request.url, principal];
      const key = hash('sha256', JSON.stringify(place), 'base64url');
      const answer = (): Promise<unknown> => lastValueFrom(next.handle(), { defaultValue: undefined });
      return from(this.cache.namespace(CACHED_ROUTES).getOrSet(key, answer, filling));
    }

    private principalOf({ user, headers }: CachedRequest, context: ExecutionContext): string | undefined {
      if (user === undefined || user === null) return headers?.['authorization'] === undefined ? 'anonymous' : undefined;
      const id = by(user);
      if (typeof id === 'string' && id !== '') return `user ${id}`;
      if (!this.warned) {
        this.warned = true;
        this.logger.warn(`@Cached() on ${context.getClass().name}.${context.getHandler().name}: request.user has no userId; give "by"`);
      }
      return undefined;
    }
  }
  return CachedInterceptor;
}

function userIdOf(user: unknown): string | undefined {
  const { userId, tenant } = user as { userId?: unknown; tenant?: unknown };
  return typeof userId === 'string' ? JSON.stringify([tenant, userId]) : undefined;
}
