import { createHash } from 'node:crypto';

/** The `ns` claim: which registration a token belongs to, told by its key prefix without showing it. */
export function namespaceOf(keyPrefix: string): string {
  return createHash('sha256').update(keyPrefix).digest('base64url').slice(0, 16);
}
