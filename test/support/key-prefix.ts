import { randomBytes } from 'node:crypto';

/** A key prefix that nobody else uses on the shared server. */
export function uniquePrefix(): string {
  return `t${randomBytes(6).toString('hex')}:`;
}
