import { Logger } from '@nestjs/common';
import { RedisAuthConfigError } from '../errors/index.js';
import type { ResolvedConnection, ResolvedOptions } from '../options/index.js';
import { overriddenOptions } from './client-profile.js';

/** Tells, or refuses, options of the application that undo what the package's promises rest on. @throws RedisAuthConfigError */
export function auditProfile(
  connection: ResolvedConnection,
  { audit = 'off', commandTimeoutMs }: { audit?: ResolvedOptions['audit']; commandTimeoutMs: number },
): void {
  const overridden = audit === 'off' ? [] : overriddenOptions(connection, commandTimeoutMs);
  if (overridden.length === 0) return;
  const advice = "overrides the package's connection profile, on which its promises rest; leave it out";
  if (audit === 'enforce') throw new RedisAuthConfigError(overridden.map((path) => ({ path, message: advice })));
  new Logger('RedisAuthConnection').warn(`${overridden.join(', ')} ${advice} unless you are sure`);
}
