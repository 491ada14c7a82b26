import type { ModulesContainer } from '@nestjs/core';
import type { RedisAuthConnection } from './redis/index.js';

const boots = new WeakMap<ModulesContainer, RedisAuthBoot>();

/**
 * The boot of one application, as far as its registrations of the module are concerned: Nest calls no shutdown hook
 * after a boot that failed, so a registration that stops it has to close what the others opened.
 */
export class RedisAuthBoot {
  private readonly connections = new Set<RedisAuthConnection>();
  private failed = false;
  private finished = false;

  static of(modules: ModulesContainer): RedisAuthBoot {
    const boot = boots.get(modules) ?? new RedisAuthBoot();
    boots.set(modules, boot);
    return boot;
  }

  /** @param opened the connection of the step's own registration, once there is one */
  async attempt<T>(step: () => T | Promise<T>, opened?: RedisAuthConnection): Promise<T> {
    try {
      return await step();
    } catch (error) {
      // What fails after the boot is a module loaded lazily, and no reason to take the others' connections away.
      if (this.finished) await opened?.close();
      else await this.fail();
      throw error;
    }
  }

  async open(connection: RedisAuthConnection): Promise<RedisAuthConnection> {
    if (!this.finished) this.connections.add(connection);
    await connection.open();
    if (this.failed) await connection.close();
    return connection;
  }

  finish(): void {
    this.finished = true;
    this.connections.clear();
  }

  private async fail(): Promise<void> {
    this.failed = true;
    await Promise.all(Array.from(this.connections, (connection) => connection.close()));
  }
}
