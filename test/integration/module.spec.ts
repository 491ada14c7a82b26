import 'reflect-metadata';
import { generateKeyPairSync } from 'node:crypto';
import { Controller, type DynamicModule, Get, Inject, Injectable, Module, type OnModuleInit, type Type } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { ModulesContainer } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { Redis } from 'ioredis';
import {
  getRedisAuthConnectionToken,
  getSessionServiceToken,
  getTokenStoreToken,
  InjectRedisAuthConnection,
  InjectSessionService,
  InjectTokenStore,
  InvalidTokenError,
  JwtAuthGuard,
  JwtAuthGuardFor,
  RedisAuthConfigError,
  RedisAuthConnection,
  RedisAuthModule,
  type RedisAuthModuleOptions,
  redisAuthOptionsFromConfig,
  type RedisAuthOptionsFactory,
  SessionService,
  StoreUnavailableError,
  TokenStore,
} from 'nestjs-redis-auth';
import { startRedis, type TestRedis } from 'nestjs-redis-auth/testing';
import request from 'supertest';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RedisAuthBoot } from '../../lib/redis-auth.boot.js';
import { uniquePrefix } from '../support/key-prefix.js';
import { ConnectionUnderTest, PATIENT } from '../support/open-connection.js';
import { until } from '../support/until.js';

const SECRET = 'q7Rk2Vx9Tz4Lw8Np1Bs6Hd3Gf5Jm0CyUe';
const OTHER_SECRET = 'Zb8Xn3Qe6Wt1Yr9Uo4Ip7As2Dk5Fl0GhMv';

let redis: TestRedis;
let observer: Redis;
const modules: TestingModule[] = [];

beforeAll(async () => {
  redis = await startRedis();
  observer = new Redis(redis.socketPath, { connectionName: 'observer' });
});
afterEach(async () => {
  await Promise.all(modules.splice(0).map((module) => module.close()));
  await until(async () => (await strangers()) === 0, { what: 'no connection is left' });
});
afterAll(async () => {
  observer.disconnect();
  await redis.stop();
});

const options = (given: Partial<RedisAuthModuleOptions> = {}): RedisAuthModuleOptions => ({
  redis: redis.url,
  keyPrefix: uniquePrefix(),
  jwt: { secret: SECRET, issuer: 'https://issuer.test', audience: 'api' },
  ...given,
});

async function boot(...imports: (DynamicModule | Type)[]): Promise<TestingModule> {
  const module = await Test.createTestingModule({ imports }).compile();
  modules.push(module);
  return module.init();
}

async function bootError(...imports: (DynamicModule | Type)[]): Promise<RedisAuthConfigError> {
  const outcome: unknown = await Test.createTestingModule({ imports })
    .compile()
    .then(
      (module) => module.close(),
      (error: unknown) => error,
    );
  expect(outcome).toBeInstanceOf(RedisAuthConfigError);
  return outcome as RedisAuthConfigError;
}

/** Connections to the server that are not the observer's. */
async function strangers(): Promise<number> {
  const clients = String(await observer.client('LIST'))
    .trim()
    .split('\n');
  return clients.filter((line) => !line.includes('name=observer')).length;
}

async function signIn(sessions: SessionService): Promise<string> {
  const { accessToken } = await sessions.create('alice');
  await expect(sessions.verify(accessToken)).resolves.toMatchObject({ userId: 'alice' });
  return accessToken;
}

@Injectable()
class OptionsFactory implements RedisAuthOptionsFactory {
  async createRedisAuthOptions(): Promise<RedisAuthModuleOptions> {
    return options();
  }
}

@Module({ providers: [OptionsFactory, { provide: 'ISSUER', useValue: 'https://injected.test' }], exports: [OptionsFactory, 'ISSUER'] })
class SettingsModule {}

describe('RedisAuthModule', () => {
  it('provides its services by class after forRoot', async () => {
    const module = await boot(RedisAuthModule.forRoot(options()));
    await signIn(module.get(SessionService));
    await expect(module.get(RedisAuthConnection).ping()).resolves.toBe('PONG');
    expect(module.get(JwtAuthGuard)).toBeInstanceOf(JwtAuthGuard);
  });

  it('is usable before init, by providers that need it to be made', async () => {
    const module = await Test.createTestingModule({
      imports: [RedisAuthModule.forRoot(options())],
      providers: [{ provide: 'TOKEN', inject: [SessionService], useFactory: signIn }],
    }).compile();
    modules.push(module);
    expect(module.get('TOKEN')).toMatch(/^ey/);
  });

  it('is usable in onModuleInit of other providers', async () => {
    @Injectable()
    class Early implements OnModuleInit {
      token = '';
      constructor(@Inject(SessionService) private readonly sessions: SessionService) {}
      async onModuleInit(): Promise<void> {
        this.token = await signIn(this.sessions);
      }
    }
    @Module({ imports: [RedisAuthModule.forRoot(options())], providers: [Early] })
    class AppModule {}
    expect((await boot(AppModule)).get(Early).token).toMatch(/^ey/);
  });

  describe('forRootAsync', () => {
    it('takes a factory with what it injects', async () => {
      const module = await boot(
        RedisAuthModule.forRootAsync({
          imports: [SettingsModule],
          inject: ['ISSUER'],
          useFactory: async (issuer: string) => options({ jwt: { secret: SECRET, issuer, audience: 'api' } }),
        }),
      );
      const token = await signIn(module.get(SessionService));
      expect(JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())).toMatchObject({ iss: 'https://injected.test' });
    });

    it.each([
      ['a class', () => RedisAuthModule.forRootAsync({ useClass: OptionsFactory })],
      ['an existing provider', () => RedisAuthModule.forRootAsync({ imports: [SettingsModule], useExisting: OptionsFactory })],
    ])('takes %s', async (_, registration) => {
      await signIn((await boot(registration())).get(SessionService));
    });

    it('takes a ConfigService', async () => {
      const variables = {
        REDIS_URL: redis.url,
        REDIS_KEY_PREFIX: uniquePrefix(),
        JWT_SECRET: SECRET,
        JWT_ISSUER: 'i',
        JWT_AUDIENCE: 'a',
        SESSION_LIMIT: 1,
      };
      const module = await boot(
        RedisAuthModule.forRootAsync({
          imports: [ConfigModule.forRoot({ ignoreEnvFile: true, load: [() => variables] })],
          inject: [ConfigService],
          useFactory: (config: ConfigService) => redisAuthOptionsFromConfig(config),
        }),
      );
      const sessions = module.get(SessionService);
      await signIn(sessions);
      await signIn(sessions);
      await expect(sessions.count('alice')).resolves.toBe(1);
    });

    it.each([
      ['nothing', {}, /none is given/],
      ['undefined', undefined, /none is given/],
      ['a factory and a class', { useFactory: () => options(), useClass: OptionsFactory }, /useFactory and useClass are given/],
    ])('refuses %s at once', (_, given, message) => {
      expect(() => RedisAuthModule.forRootAsync(given as never)).toThrow(RedisAuthConfigError);
      expect(() => RedisAuthModule.forRootAsync(given as never)).toThrow(message);
    });
  });

  it('S18 stops the boot for wrong options, with all of them in one error', async () => {
    const broken = { redis: redis.url, jwt: { secret: 'short', issuer: 'i' }, sessions: { limit: 0 } };
    for (const registration of [
      RedisAuthModule.forRoot(broken as never),
      RedisAuthModule.forRootAsync({ useFactory: () => broken as never }),
    ]) {
      const { issues } = await bootError(registration);
      expect(issues.map(({ path }) => path)).toEqual(['jwt.secret', 'jwt.audience', 'sessions.limit']);
    }
    expect((await bootError(RedisAuthModule.forRoot(undefined as never))).issues.map(({ path }) => path)).toContain('jwt.secret');
    expect((await bootError(RedisAuthModule.forRoot({ ...options(), instance: 'a b' }))).issues.map(({ path }) => path)).toEqual([
      'instance',
    ]);
  });

  it.each([
    ['every module', true],
    ['those that import it', false],
  ])('is seen by %s with isGlobal: %s', async (_, isGlobal) => {
    const token = { token: SessionService, optional: true };
    @Module({ providers: [{ provide: 'SEEN', inject: [token], useFactory: (sessions?: SessionService) => sessions ?? null }] })
    class FeatureModule {}
    const module = await boot(RedisAuthModule.forRoot({ ...options(), isGlobal }), FeatureModule);
    expect(module.get('SEEN', { strict: false })).toBe(isGlobal ? module.get(SessionService) : null);
  });

  it('closes its connections on shutdown, and a client of the application never', async () => {
    const client = new Redis(redis.socketPath, { connectionName: 'observer' });
    const before = await strangers();
    const module = await boot(
      RedisAuthModule.forRoot(options()),
      RedisAuthModule.forRoot({ ...options({ redis: { client } }), instance: 'own' }),
    );
    await signIn(module.get(SessionService));
    await signIn(module.get(getSessionServiceToken('own')));
    expect(await strangers()).toBeGreaterThan(before);
    await module.close();
    await until(async () => (await strangers()) <= before);
    await expect(client.ping()).resolves.toBe('PONG');
    client.disconnect();
    await expect(module.get(SessionService).count('alice')).rejects.toThrow(StoreUnavailableError);
  });

  it('boots with Redis down', async () => {
    const module = await boot(RedisAuthModule.forRoot(options({ redis: '/nowhere/redis.sock', commandTimeout: 200 })));
    await expect(module.get(SessionService).count('alice')).rejects.toThrow(StoreUnavailableError);
  });
});

describe('several registrations', () => {
  it('have keys, prefix and connection of their own', async () => {
    @Injectable()
    class Office {
      constructor(
        @Inject(SessionService) readonly users: SessionService,
        @InjectSessionService('admin') readonly admins: SessionService,
        @InjectRedisAuthConnection() readonly userConnection: RedisAuthConnection,
        @InjectRedisAuthConnection('admin') readonly adminConnection: RedisAuthConnection,
      ) {}
    }
    const prefix = uniquePrefix();
    @Module({
      imports: [
        RedisAuthModule.forRoot(options({ keyPrefix: `${prefix}u:` })),
        RedisAuthModule.forRootAsync({
          instance: 'admin',
          useFactory: () =>
            options({ keyPrefix: `${prefix}a:`, jwt: { secret: OTHER_SECRET, issuer: 'https://issuer.test', audience: 'api' } }),
        }),
      ],
      providers: [Office],
    })
    class AppModule {}
    const module = await boot(AppModule);
    const office = module.get(Office);
    expect(office.users).toBe(module.get(getSessionServiceToken()));
    expect(office.admins).toBe(module.get(getSessionServiceToken('admin')));
    expect(office.adminConnection).toBe(module.get(getRedisAuthConnectionToken('admin')));
    expect(office.userConnection.client).not.toBe(office.adminConnection.client);
    expect(module.get(JwtAuthGuardFor('admin'))).not.toBe(module.get(JwtAuthGuard));

    const [user, admin] = [await signIn(office.users), await signIn(office.admins)];
    await expect(office.admins.verify(user)).rejects.toMatchObject({ reason: 'invalid' });
    await expect(office.users.verify(admin)).rejects.toMatchObject({ reason: 'invalid' });
    await office.admins.revokeAll('alice');
    await expect(office.users.count('alice')).resolves.toBe(1);
    const keys = await observer.keys(`${prefix}*`);
    expect(new Set(keys.map((key) => key.slice(prefix.length, prefix.length + 2)))).toEqual(new Set(['u:', 'a:']));
  });

  it('keep to the prefix of their name by default', async () => {
    const { keyPrefix: _, ...unprefixed } = options();
    const module = await boot(RedisAuthModule.forRoot({ ...unprefixed, instance: 'shop' }), RedisAuthModule.forRoot(unprefixed));
    await signIn(module.get(getSessionServiceToken('shop')));
    const keys = await observer.keys('auth:*');
    expect(keys).not.toHaveLength(0);
    // both follow the feed of their prefix
    expect(keys.filter((key) => !key.startsWith('auth:shop:')).sort()).toEqual(['auth:f:{feed}anchor', 'auth:f:{feed}stream']);
    const token = await signIn(module.get(SessionService));
    await expect(module.get<SessionService>(getSessionServiceToken('shop')).verify(token)).rejects.toThrow(InvalidTokenError);
    await observer.del(...(await observer.keys('auth:*')));
  });

  it('are one where the same registration is imported twice', async () => {
    const registration = RedisAuthModule.forRoot(options());
    @Module({
      imports: [registration],
      providers: [{ provide: 'SEEN', inject: [SessionService], useFactory: (sessions: SessionService) => sessions }],
    })
    class FeatureModule {}
    const module = await boot(registration, FeatureModule);
    expect(module.get('SEEN', { strict: false })).toBe(module.get(SessionService));
  });

  it.each([
    ['without a name', {}],
    ['with a name', { instance: 'admin' }],
  ])('throw where one is registered twice %s, and leave no connection', async (_, name) => {
    const before = await strangers();
    const given = options();
    const { issues } = await bootError(
      RedisAuthModule.forRoot({ ...given, ...name }),
      RedisAuthModule.forRoot({ ...options(), instance: 'third' }),
      RedisAuthModule.forRootAsync({ useFactory: () => given, ...name }),
    );
    expect(issues).toEqual([{ path: 'instance', message: expect.stringContaining('registered 2 times') as string }]);
    await until(async () => (await strangers()) <= before);
  });

  it('throw where two are equal to the letter, however Nest tells modules apart', async () => {
    const twice = options();
    const booting = Test.createTestingModule(
      { imports: [RedisAuthModule.forRoot(twice), RedisAuthModule.forRoot(twice)] },
      { moduleIdGeneratorAlgorithm: 'deep-hash' },
    ).compile();
    await expect(booting).rejects.toMatchObject({ issues: [{ path: 'instance' }] });
  });

  it('leave no connection where one is refused by its Redis', async () => {
    await using locked = await startRedis({ password: 'pw-of-the-test' });
    const before = await strangers();
    const { issues } = await bootError(
      RedisAuthModule.forRoot(options()),
      RedisAuthModule.forRoot({ ...options({ redis: locked.socketPath }), instance: 'refused' }),
    );
    expect(issues.map(({ path }) => path)).toEqual(['redis']);
    await until(async () => (await strangers()) <= before);
  });

  it('leave no connection where the factory of the options of one throws', async () => {
    const before = await strangers();
    const fault = new Error('of the factory');
    const booting = Test.createTestingModule({
      imports: [
        RedisAuthModule.forRoot({ ...options(), isGlobal: true }),
        // What it injects has been opened when it throws.
        RedisAuthModule.forRootAsync({ instance: 'late', inject: [SessionService], useFactory: () => Promise.reject(fault) }),
      ],
    }).compile();
    await expect(booting).rejects.toBe(fault);
    await until(async () => (await strangers()) <= before);
  });

  it('of two applications in one process share nothing', async () => {
    const [one, two] = [await boot(RedisAuthModule.forRoot(options())), await boot(RedisAuthModule.forRoot(options()))];
    expect(one.get(SessionService)).not.toBe(two.get(SessionService));
    expect(one.get(JwtAuthGuard).strategyName).not.toBe(two.get(JwtAuthGuard).strategyName);
    const token = await signIn(one.get(SessionService));
    await expect(two.get(SessionService).verify(token)).rejects.toThrow(InvalidTokenError);
    await one.close();
    await signIn(two.get(SessionService));
  });
});

describe('a registration that is loaded after the boot', () => {
  it('closes its own connection where it fails, and leaves that of the others', async () => {
    await using others = new ConnectionUnderTest(redis.url, PATIENT);
    await using own = new ConnectionUnderTest(redis.url, PATIENT);
    const boot = RedisAuthBoot.of(new ModulesContainer());
    await boot.attempt(() => boot.open(others));
    boot.finish();
    await boot.attempt(() => boot.open(own));
    const fault = new Error('of a later step');
    await expect(boot.attempt(() => Promise.reject(fault), own)).rejects.toBe(fault);
    await expect(own.ping()).rejects.toThrow(StoreUnavailableError);
    await expect(others.ping()).resolves.toBe('PONG');
  });
});

describe('TokenStore', () => {
  @Injectable()
  class Tokens {
    constructor(
      @Inject(TokenStore) readonly byClass: TokenStore,
      @InjectTokenStore() readonly byDecorator: TokenStore,
      @InjectTokenStore('admin') readonly admins: TokenStore,
    ) {}
  }

  it('is injected by its class, by its decorator, and from a named instance, with options of its own', async () => {
    const named = { ...options({ tokens: { defaultTtl: '1h' } }), instance: 'admin', isGlobal: true };
    const module = await Test.createTestingModule({
      imports: [RedisAuthModule.forRoot({ ...options(), isGlobal: true }), RedisAuthModule.forRoot(named)],
      providers: [Tokens],
    }).compile();
    modules.push(module);
    await module.init();
    const { byClass, byDecorator, admins } = module.get(Tokens);
    expect(byClass).toBeInstanceOf(TokenStore);
    expect(byDecorator).toBe(byClass);
    expect(admins).toBeInstanceOf(TokenStore);
    expect(admins).not.toBe(byClass);
    expect(module.get(getTokenStoreToken('admin'), { strict: false })).toBe(admins);
    const mine = await byClass.create({ type: 'key', owner: 'ann' });
    const theirs = await admins.create({ type: 'key', owner: 'ann', requestId: 'r' });
    expect([mine, theirs].map(({ createdAt, expiresAt }) => expiresAt!.getTime() - createdAt.getTime())).toEqual([86_400_000, 3_600_000]);
    expect(await admins.get({ type: 'key', token: mine.token })).toBeNull();
    expect(await byClass.get({ type: 'key', token: theirs.token })).toBeNull();
    expect(await admins.create({ type: 'key', owner: 'ann', requestId: 'r' })).toEqual(theirs);
  });

  it('needs no key that signs but for a requestId, and shares the connection of the module', async () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const jwt = { publicKey, issuer: 'https://issuer.test', audience: 'api' };
    const module = await boot(RedisAuthModule.forRoot(options({ jwt })));
    const tokens = module.get(TokenStore);
    expect(tokens.client).toBe(module.get(RedisAuthConnection).client);
    expect(await tokens.create({ type: 'key', owner: 'ann' })).toMatchObject({ owner: 'ann' });
    await expect(tokens.create({ type: 'key', owner: 'ann', requestId: 'r' })).rejects.toMatchObject({ argument: 'requestId' });
    // it is not its to close
    await tokens.close();
    expect(await tokens.count({ type: 'key', owner: 'ann' })).toBe(1);
    await module.close();
    modules.splice(modules.indexOf(module), 1);
    await expect(tokens.count({ type: 'key', owner: 'ann' })).rejects.toThrow(StoreUnavailableError);
  });

  it('made by hand sees the tokens of the module with the same prefix, and leaves no connection behind', async () => {
    const given = options();
    const module = await boot(RedisAuthModule.forRoot(given));
    const tokens = new TokenStore({ redis: redis.url, keyPrefix: given.keyPrefix! });
    const made = await module.get(TokenStore).create({ type: 'key', owner: 'ann', data: { a: 1 } });
    expect(await tokens.get({ type: 'key', token: made.token })).toEqual(made);
    expect(await tokens.consume({ type: 'key', token: made.token })).toEqual(made);
    expect(await module.get(TokenStore).get({ type: 'key', token: made.token })).toBeNull();
    await module.close();
    modules.splice(modules.indexOf(module), 1);
    await until(async () => (await strangers()) === 1, { what: 'its own connection is all that is left' });
    await tokens.close();
    await until(async () => (await strangers()) === 0);
    await expect(tokens.count({ type: 'key', owner: 'ann' })).rejects.toThrow(StoreUnavailableError);
  });

  it("works with a caller's client, which stays open", async () => {
    const client = new Redis(redis.socketPath);
    try {
      const tokens = new TokenStore({ redis: client, keyPrefix: uniquePrefix() });
      const made = await tokens.create({ type: 'key', owner: 'ann', token: 'mine' });
      expect(await tokens.get({ type: 'key', token: 'mine' })).toEqual(made);
      await tokens.close();
      expect(await client.ping()).toBe('PONG');
    } finally {
      client.disconnect();
    }
  });
});

describe('httpErrors', () => {
  @Controller()
  class ThrowingController {
    constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

    @Get()
    fail() {
      return this.sessions.verify('no token');
    }
  }

  it.each([
    [true, 401],
    [false, 500],
  ])('%s answers an error of a handler with %d', async (httpErrors, status) => {
    const module = await Test.createTestingModule({
      imports: [
        RedisAuthModule.forRoot(options({ httpErrors })),
        RedisAuthModule.forRoot({ ...options({ httpErrors }), instance: 'second' }),
      ],
      controllers: [ThrowingController],
    }).compile();
    modules.push(module);
    const app = module.createNestApplication({ logger: false });
    await app.init();
    await request(app.getHttpServer()).get('/').expect(status);
  });
});
