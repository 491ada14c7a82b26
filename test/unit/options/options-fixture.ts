import { RedisAuthConfigError } from '../../../lib/errors/index.js';
import { type RedisAuthModuleOptions, resolveOptions } from '../../../lib/options/index.js';

export const SECRET = 'q7Rk2Vx9Tz4Lw8Np1Bs6Hd3Gf5Jm0CyUe';
export const OTHER_SECRET = 'Zb8Xn3Qe6Wt1Yr9Uo4Ip7As2Dk5Fl0GhMv';

/** The least that boots. */
export const MINIMAL: RedisAuthModuleOptions = { jwt: { secret: SECRET, issuer: 'https://issuer.test', audience: 'api' } };

/** What the options are refused with; throws where they are accepted. */
export function configError(options: unknown, instance?: string): RedisAuthConfigError {
  try {
    resolveOptions(options as RedisAuthModuleOptions, instance);
  } catch (error) {
    if (error instanceof RedisAuthConfigError) return error;
    throw error;
  }
  throw new Error('the options were accepted');
}

export function pathsOf(options: unknown): string[] {
  return configError(options).issues.map(({ path }) => path);
}
