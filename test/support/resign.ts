import { createHmac } from 'node:crypto';
import { TEST_SECRET } from './sessions.js';

/** The claims of a genuine token with some changed, signed again with the right secret. */
export function resign(token: string, changes: Record<string, unknown>, header: Record<string, unknown> = {}): string {
  const [oldHeader, payload] = token.split('.', 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as object);
  const input = [
    { ...oldHeader, ...header },
    { ...payload, ...changes },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${input}.${createHmac('sha256', TEST_SECRET).update(input).digest('base64url')}`;
}
