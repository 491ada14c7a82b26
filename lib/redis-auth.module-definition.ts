import { ConfigurableModuleBuilder, type FactoryProvider, type ModuleMetadata, type Provider, type Type } from '@nestjs/common';
import { DEFAULT_INSTANCE, type RedisAuthModuleOptions, type RedisAuthOptionsFactory } from './options/index.js';

/** What is said about a registration rather than about its sessions. */
export interface RedisAuthModuleExtras {
  /** Make the exports visible in every module of the application. @default false */
  isGlobal?: boolean;
  /** Name of a further registration in the same application: `A-Z a-z 0-9 _ -`, up to 64. @default 'default' */
  instance?: string;
}

/** Options of `RedisAuthModule.forRootAsync`: one of `useFactory`, `useClass`, `useExisting` makes the module's options. */
export interface RedisAuthModuleAsyncOptions extends RedisAuthModuleExtras, Pick<ModuleMetadata, 'imports'> {
  /** Called with what `inject` names. */
  // oxlint-disable-next-line typescript/no-explicit-any -- the parameters are what `inject` names, which no type can follow
  useFactory?: (...args: any[]) => RedisAuthModuleOptions | Promise<RedisAuthModuleOptions>;
  inject?: FactoryProvider['inject'];
  /** Instantiated within this module. */
  useClass?: Type<RedisAuthOptionsFactory>;
  /** A provider of a module in `imports`. */
  useExisting?: Type<RedisAuthOptionsFactory>;
  /** Providers from which those that `inject` needs are taken. */
  provideInjectionTokensFrom?: Provider[];
}

/** `alwaysTransient`: two equal registrations are a mistake to be reported, not one registration. */
export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<RedisAuthModuleOptions>({
  moduleName: 'RedisAuth',
  alwaysTransient: true,
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createRedisAuthOptions')
  .setExtras<Required<RedisAuthModuleExtras>>({ isGlobal: false, instance: DEFAULT_INSTANCE }, (definition, { isGlobal }) => ({
    ...definition,
    global: isGlobal,
  }))
  .build();
