import { type ConfigIssue, RedisAuthConfigError } from '../errors/index.js';

/** Collects what is wrong with the options, so that all of it is reported at once. */
export class Issues {
  private readonly found: ConfigIssue[] = [];

  add(path: string, message: string): undefined {
    this.found.push({ path, message });
    return undefined;
  }

  get count(): number {
    return this.found.length;
  }

  throwIfAny(): void {
    if (this.found.length > 0) throw new RedisAuthConfigError(Object.freeze(this.found.map((issue) => Object.freeze(issue))));
  }
}
