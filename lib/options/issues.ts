import { type ConfigIssue, RedisAuthConfigError } from '../errors/index.js';

/** Collects what is wrong with the options, so that all of it is reported at once. */
export class Issues {
  /** By path: several mistakes of one option are one issue. */
  private readonly found = new Map<string, Set<string>>();

  add(path: string, message: string): undefined {
    const messages = this.found.get(path);
    if (messages === undefined) this.found.set(path, new Set([message]));
    else messages.add(message);
    return undefined;
  }

  throwIfAny(): void {
    if (this.found.size === 0) return;
    const issues = [...this.found].map(([path, messages]): ConfigIssue => Object.freeze({ path, message: [...messages].join('; and ') }));
    throw new RedisAuthConfigError(Object.freeze(issues));
  }
}
