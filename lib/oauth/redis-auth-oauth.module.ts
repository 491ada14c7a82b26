import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { instanceToken, type ResolvedOptions } from '../options/index.js';
import type { RedisAuthConnection } from '../redis/index.js';
import type { SessionService } from '../sessions/index.js';
import type { TokenStore } from '../tokens/index.js';
import { IntrospectionCache } from './introspection-cache.js';
import { oauthControllers } from './oauth-controllers.js';
import { checkEndpointOptions, type RedisAuthOAuthModuleOptions } from './oauth-endpoint-options.js';
import { TokenIntrospection } from './token-introspection.js';
import { TokenRevocation } from './token-revocation.js';

/**
 * Token revocation (RFC 7009) and introspection (RFC 7662) over HTTP, and the services behind them.
 *
 * ```ts
 * RedisAuthOAuthModule.register({ tokenTypes: ['api-key'], guards: [ClientGuard], clientId: (request) => request.client.id })
 * ```
 *
 * mounts `POST /oauth/revoke` and `POST /oauth/introspect`, which take `token` and `token_type_hint` as a form or as JSON,
 * on Express and Fastify, behind a global prefix and in every version of the application. A JwtAuthGuard bound to the whole application lets them pass; the guards given authenticate
 * the client. Provides and exports TokenRevocation, TokenIntrospection and IntrospectionCache.
 *
 * It stands beside RedisAuthModule and finds it if it is global; otherwise give the same registration in `imports`:
 * `const auth = RedisAuthModule.forRoot(…)`, then `imports: [auth, RedisAuthOAuthModule.register({ imports: [auth], … })]`.
 */
@Module({})
export class RedisAuthOAuthModule {
  /** @throws RedisAuthConfigError for wrong options, and for endpoints that nothing guards unless `public: true` says so */
  static register(options: RedisAuthOAuthModuleOptions): DynamicModule {
    const times = checkEndpointOptions(options);
    const { instance, imports = [], tokenTypes = [] } = options;
    const services = { sessions: instanceToken('sessions', instance), tokens: instanceToken('tokens', instance) };
    const providers: Provider[] = [
      {
        provide: TokenRevocation,
        inject: [services.sessions, services.tokens],
        useFactory: (sessions: SessionService, tokens: TokenStore) => new TokenRevocation(sessions, tokens, tokenTypes),
      },
      {
        provide: TokenIntrospection,
        inject: [services.sessions, services.tokens],
        useFactory: (sessions: SessionService, tokens: TokenStore) => new TokenIntrospection(sessions, tokens, tokenTypes),
      },
      {
        provide: IntrospectionCache,
        inject: [instanceToken('connection', instance), instanceToken('options', instance)],
        useFactory: (connection: RedisAuthConnection, { keyPrefix }: ResolvedOptions) =>
          new IntrospectionCache({ connection, keyPrefix, ...times }),
      },
    ];
    return {
      module: RedisAuthOAuthModule,
      imports,
      controllers: oauthControllers(options),
      providers,
      exports: [TokenRevocation, TokenIntrospection, IntrospectionCache],
    };
  }
}
