import { type DynamicModule, Module, type OnApplicationShutdown, type Provider } from '@nestjs/common';
import { APP_FILTER, ModulesContainer } from '@nestjs/core';
import { RedisAuthConfigError } from './errors/index.js';
import { guardExports, guardProviders, RedisAuthExceptionFilter } from './guard/index.js';
import { DEFAULT_INSTANCE, instanceToken, type RedisAuthModuleOptions, type ResolvedOptions, resolveOptions } from './options/index.js';
import {
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
  type RedisAuthModuleAsyncOptions,
  type RedisAuthModuleExtras,
} from './redis-auth.module-definition.js';
import { RedisAuthConnection } from './redis/index.js';
import { SessionService } from './sessions/index.js';

/**
 * Sessions, revocation-checked access tokens and refresh-token rotation on Redis.
 *
 * Provides SessionService, RedisAuthConnection and JwtAuthGuard; under a name (`instance`), the same once more with
 * options, keys, prefix and connection of its own: `@InjectSessionService('admin')`, `@InjectRedisAuthConnection('admin')`,
 * `JwtAuthGuardFor('admin')`.
 *
 * The boot stops with a RedisAuthConfigError that lists every mistake in the options, for a name that is registered
 * twice, and for a Redis that answers but refuses (password, database, certificate, version). With Redis down the
 * application boots and recovers by itself. Connections made here are closed in `onApplicationShutdown`.
 */
@Module({})
export class RedisAuthModule extends ConfigurableModuleClass {
  static override forRoot(options: RedisAuthModuleOptions & RedisAuthModuleExtras): DynamicModule {
    return withParts(super.forRoot(options ?? {}), options?.instance ?? DEFAULT_INSTANCE);
  }

  /** @throws RedisAuthConfigError at once unless exactly one of `useFactory`, `useClass`, `useExisting` is given */
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
class RedisAuthLifecycle implements OnApplicationShutdown {
  constructor(
    private readonly sessions: SessionService,
    private readonly connection: RedisAuthConnection,
  ) {}

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
    { provide: token.options, inject: [MODULE_OPTIONS_TOKEN, ModulesContainer], useFactory: uniquelyResolved },
    { provide: token.connection, inject: [token.options, ModulesContainer], useFactory: openConnection },
    { provide: token.sessions, inject: [token.connection, token.options], useFactory: openSessions },
    { provide: RedisAuthLifecycle, inject: [token.sessions, token.connection], useFactory: makeLifecycle },
    { provide: APP_FILTER, inject: [token.options], useFactory: exceptionFilter },
    ...guardProviders(instance),
  ];
  // Those of a named instance are injected by their tokens; the default instance's also by class.
  const aliases: Provider[] =
    instance === DEFAULT_INSTANCE
      ? [
          { provide: RedisAuthConnection, useExisting: token.connection },
          { provide: SessionService, useExisting: token.sessions },
        ]
      : [];
  return {
    ...definition,
    providers: [...(definition.providers ?? []), ...parts, ...aliases],
    exports: [...Object.values(token), ...guardExports(instance), ...aliases],
  };

  /** Nest would silently use the first of two registrations of one name. */
  function uniquelyResolved(options: RedisAuthModuleOptions, modules: ModulesContainer): ResolvedOptions {
    const registrations = [...modules.values()].filter((module) => module.providers.has(token.options));
    if (registrations.length > 1) {
      const message = `"${instance}" is registered ${registrations.length} times; give each further registration an instance name of its own`;
      throw new RedisAuthConfigError([{ path: 'instance', message }]);
    }
    return resolveOptions(options, instance);
  }
}

/** What was opened for an application, so that a registration that stops the boot leaves no connection of another behind. */
const opened = new WeakMap<ModulesContainer, Set<RedisAuthConnection>>();

async function openConnection(
  { redis, commandTimeoutMs, audit }: ResolvedOptions,
  modules: ModulesContainer,
): Promise<RedisAuthConnection> {
  const connections = opened.get(modules) ?? new Set();
  opened.set(modules, connections);
  try {
    const connection = new RedisAuthConnection(redis, { commandTimeoutMs, audit });
    connections.add(connection);
    await connection.open();
    return connection;
  } catch (error) {
    await Promise.all(Array.from(connections, (each) => each.close()));
    throw error;
  }
}

function openSessions(connection: RedisAuthConnection, options: ResolvedOptions): SessionService {
  const sessions = new SessionService(connection, options);
  sessions.open();
  return sessions;
}

function makeLifecycle(sessions: SessionService, connection: RedisAuthConnection): RedisAuthLifecycle {
  return new RedisAuthLifecycle(sessions, connection);
}

/** Nest passes over an enhancer that is null. */
function exceptionFilter({ httpErrors }: ResolvedOptions): RedisAuthExceptionFilter | null {
  return httpErrors ? new RedisAuthExceptionFilter() : null;
}
