import type { Request } from 'express';

/** What the list of sessions shows of where this one was started: a name, the address, the browser's own words. */
export function deviceOf(request: Request, name?: string): { name: string; ip?: string; userAgent?: string } {
  const userAgent = request.headers['user-agent']?.slice(0, 256);
  return {
    name: name ?? nameOf(userAgent ?? ''),
    ...(request.ip ? { ip: request.ip } : {}),
    ...(userAgent ? { userAgent } : {}),
  };
}

/** 'Firefox on Linux': a guess, good enough for a person to know a device again. */
function nameOf(userAgent: string): string {
  const program = /Edg|OPR|Firefox|Chrome|Safari|curl/.exec(userAgent)?.[0];
  const system = /Android|iPhone|iPad|Windows|Mac OS X|Linux/.exec(userAgent)?.[0];
  if (!program) return 'unknown device';
  return system ? `${PROGRAM_NAMES[program] ?? program} on ${system}` : (PROGRAM_NAMES[program] ?? program);
}

const PROGRAM_NAMES: Record<string, string> = { Edg: 'Edge', OPR: 'Opera' };
