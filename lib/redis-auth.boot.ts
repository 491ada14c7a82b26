import type { ModulesContainer } from '@nestjs/core';
import type { ResolvedOptions } from './options/index.js';
import type { RedisAuthConnection } from './redis/index.js';

const boots = new WeakMap<ModulesContainer, RedisAuthBoot>();

/**
 * The boot of one application, as far as its registrations of the module are concerned: Nest calls no shutdown hook
 * after a boot that failed, so a registration that stops it has to close what the others opened.
 */
export class RedisAuthBoot {
  private readonly connections = new Set<RedisAuthConnection>();
  private readonly registrations: ResolvedOptions[] = [];
  private failure: { readonly error: unknown } | undefined;
  private finished = false;

  static of(modules: ModulesContainer): RedisAuthBoot {
    const boot = boots.get(modules) ?? new RedisAuthBoot();
    boots.set(modules, boot);
    return boot;
  }

  register(options: ResolvedOptions): ResolvedOptions {
    this.registrations.push(options);
    return options;
  }

  registeredBefore(options: ResolvedOptions): ResolvedOptions[] {
    return this.registrations.slice(0, this.registrations.indexOf(options));
  }

  /** @param opened the connection of the step's own registration, once there is one */
  async attempt<T>(step: () => T | Promise<T>, opened?: RedisAuthConnection): Promise<T> {
    try {
      return await step();
    } catch (error) {
      // What fails after the boot is a module loaded lazily, and no reason to take the others' connections away.
      if (!this.finished) throw await this.fail(error);
      await opened?.close();
      throw error;
    }
  }

  async open(connection: RedisAuthConnection): Promise<RedisAuthConnection> {
    if (!this.finished) this.connections.add(connection);
    await connection.open();
    if (this.failure) await connection.close();
    return connection;
  }

  finish(): void {
    this.finished = true;
    this.connections.clear();
  }

  /** @returns the error that came first: others, as of connections that were closed for it, may overtake it */
  private async fail(error: unknown): Promise<unknown> {
    this.failure ??= { error };
    await Promise.all(Array.from(this.connections, (connection) => connection.close()));
    return this.failure.error;
  }
}
