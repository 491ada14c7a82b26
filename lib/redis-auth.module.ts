import { type DynamicModule, Module, type OnApplicationBootstrap, type OnApplicationShutdown, type Provider } from '@nestjs/common';
import { APP_FILTER, ModulesContainer } from '@nestjs/core';
import { BootAudit } from './audit/index.js';
import { RedisAuthConfigError } from './errors/index.js';
import { guardExports, guardProviders, RedisAuthExceptionFilter } from './guard/index.js';
import { DEFAULT_INSTANCE, instanceToken, type RedisAuthModuleOptions, type ResolvedOptions, resolveOptions } from './options/index.js';
import { RedisAuthBoot } from './redis-auth.boot.js';
import {
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
  type RedisAuthModuleAsyncOptions,
  type RedisAuthModuleExtras,
} from './redis-auth.module-definition.js';
import { RedisAuthConnection } from './redis/index.js';
import { SessionService } from './sessions/index.js';
import { storeAliases, storeExports, storeProviders } from './redis-auth.stores.js';

/**
 * Sessions, revocation-checked access tokens and refresh-token rotation on Redis.
 *
 * Provides SessionService, TokenStore, OAuthTokenStore, CacheAdapter, DistributedLock, RateLimiter, TokenMigration,
 * StoreStatistics, RedisAuthConnection and JwtAuthGuard; under a name (`instance`), the same once more with
 * options, keys, prefix and connection of its own: `@InjectSessionService('admin')`, `@InjectRedisAuthConnection('admin')`,
 * `JwtAuthGuardFor('admin')`.
 *
 * The boot stops with a RedisAuthConfigError that lists every mistake in the options, for a name that is registered
 * twice, and for a Redis that answers but refuses (password, database, certificate, version). With Redis down the
 * application boots and recovers by itself. Connections made here are closed in `onApplicationShutdown`.
 */
@Module({})
export class RedisAuthModule extends ConfigurableModuleClass {
  /**
   * Registers the module with options that are known now; nothing is checked before the boot, nothing sent to Redis.
   * The boot rejects with a RedisAuthConfigError for wrong options, an instance name that is registered twice, and a
   * Redis that answers but refuses.
   */
  static override forRoot(options: RedisAuthModuleOptions & RedisAuthModuleExtras): DynamicModule {
    return withParts(super.forRoot(options ?? {}), options?.instance ?? DEFAULT_INSTANCE);
  }

  /**
   * Registers the module with options that a factory makes during the boot; the boot rejects with what the factory
   * throws, and otherwise as with {@link forRoot}.
   *
   * @throws RedisAuthConfigError at once unless exactly one of `useFactory`, `useClass`, `useExisting` is given
   */
  static override forRootAsync(options: RedisAuthModuleAsyncOptions): DynamicModule {
    const sources = (['useFactory', 'useClass', 'useExisting'] as const).filter((name) => options?.[name] !== undefined);
    if (sources.length !== 1) {
      const found = sources.length === 0 ? 'none is given' : `${sources.join(' and ')} are given`;
      throw new RedisAuthConfigError([{ path: 'forRootAsync', message: `needs one of useFactory, useClass, useExisting; ${found}` }]);
    }
    return withParts(super.forRootAsync(options), options.instance ?? DEFAULT_INSTANCE);
  }
}

/** Closes what one registration opened, after every provider of the application had its `onModuleDestroy`. */
class RedisAuthLifecycle implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    private readonly sessions: SessionService,
    private readonly connection: RedisAuthConnection,
    private readonly boot: RedisAuthBoot,
  ) {}

  onApplicationBootstrap(): void {
    this.boot.finish();
  }

  async onApplicationShutdown(): Promise<void> {
    this.sessions.close();
    await this.connection.close();
  }
}

function withParts(definition: DynamicModule, instance: string): DynamicModule {
  const token = {
    options: instanceToken('options', instance),
    connection: instanceToken('connection', instance),
    sessions: instanceToken('sessions', instance),
  };
  const parts: Provider[] = [
    { provide: RedisAuthBoot, inject: [ModulesContainer], useFactory: (modules: ModulesContainer) => RedisAuthBoot.of(modules) },
    {
      provide: token.options,
      inject: [MODULE_OPTIONS_TOKEN, RedisAuthBoot, ModulesContainer],
      useFactory: (options: RedisAuthModuleOptions, boot: RedisAuthBoot, modules: ModulesContainer) =>
        boot.attempt(() => {
          assertUnique(token.options, instance, modules);
          return boot.register(resolveOptions(options, instance));
        }),
    },
    {
      provide: token.connection,
      inject: [token.options, RedisAuthBoot],
      useFactory: async (options: ResolvedOptions, boot: RedisAuthBoot) => {
        const { redis, commandTimeoutMs, instance: name, traceIds } = options;
        const connection = await boot.attempt(() =>
          boot.open(new RedisAuthConnection(redis, { commandTimeoutMs, instance: name, traceIds })),
        );
        await boot.attempt(() => new BootAudit(connection, options, boot.registeredBefore(options)).run(), connection);
        return connection;
      },
    },
    {
      provide: token.sessions,
      inject: [token.connection, token.options, RedisAuthBoot],
      useFactory: (connection: RedisAuthConnection, options: ResolvedOptions, boot: RedisAuthBoot) =>
        boot.attempt(async () => {
          const sessions = new SessionService(connection, options);
          await sessions.open();
          return sessions;
        }, connection),
    },
    ...storeProviders(instance),
    {
      provide: RedisAuthLifecycle,
      inject: [token.sessions, token.connection, RedisAuthBoot],
      useFactory: (sessions: SessionService, connection: RedisAuthConnection, boot: RedisAuthBoot) =>
        new RedisAuthLifecycle(sessions, connection, boot),
    },
    {
      provide: APP_FILTER,
      inject: [token.options],
      // Nest passes over an enhancer that is null.
      useFactory: ({ httpErrors }: ResolvedOptions) => (httpErrors ? new RedisAuthExceptionFilter() : null),
    },
    ...guardProviders(instance),
  ];
  // Those of a named instance are injected by their tokens; the default instance's also by class.
  const aliases: Provider[] =
    instance === DEFAULT_INSTANCE
      ? [
          { provide: RedisAuthConnection, useExisting: token.connection },
          { provide: SessionService, useExisting: token.sessions },
          ...storeAliases(),
        ]
      : [];
  return {
    ...definition,
    providers: [...(definition.providers ?? []).map(withinBoot), ...parts, ...aliases],
    exports: [...Object.values(token), ...storeExports(instance), ...guardExports(instance), ...aliases],
  };
}

/** A factory of options that throws stops the boot, too. */
function withinBoot(provider: Provider): Provider {
  if (!('useFactory' in provider)) return provider;
  const { useFactory, inject = [] } = provider;
  return {
    ...provider,
    inject: [RedisAuthBoot, ...inject],
    useFactory: (boot: RedisAuthBoot, ...injected: unknown[]) => boot.attempt(() => useFactory(...injected) as unknown),
  };
}

/** Nest would silently use the first of two registrations of one name. */
function assertUnique(optionsToken: string, instance: string, modules: ModulesContainer): void {
  const registrations = Array.from(modules.values()).filter((module) => module.providers.has(optionsToken)).length;
  if (registrations === 1) return;
  const message = `"${instance}" is registered ${registrations} times; give each further registration an instance name of its own`;
  throw new RedisAuthConfigError([{ path: 'instance', message }]);
}
