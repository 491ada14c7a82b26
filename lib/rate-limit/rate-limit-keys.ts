import { hash } from 'node:crypto';
import { escapeText } from '../redis/index.js';

const HASH_LENGTH = 22;

/**
 * Names of the keys. The key that is limited is the tag itself: all limits of one key are in one Cluster slot, so that one
 * script can hold them together, and all traffic of one key goes to one node. Attempts to sign in are held to an account
 * and an address at once, so that all of them share a slot.
 *
 * | key                                 | type   | holds                                             |
 * |-------------------------------------|--------|---------------------------------------------------|
 * | `<prefix>b:{<key>}`                 | hash   | the limits of a key, and until when it is blocked |
 * | `<prefix>b:{login}a:<hash>`         | hash   | attempts at an account                            |
 * | `<prefix>b:{login}i:<address>`      | hash   | attempts from an address                          |
 * | `<prefix>b:{<key>}t`                | hash   | hits counted for `@nestjs/throttler`              |
 * | `<prefix>r:{<key>}<hash>`           | string | first answer to a `requestId`, for 60 s           |
 */
export class RateLimitKeys {
  constructor(private readonly prefix: string) {}

  bucket(key: string): string {
    return `${this.prefix}b:{${escapeText(key)}}`;
  }

  account(account: string): string {
    // Whoever takes the fields of a form for one another types a password here.
    return `${this.prefix}b:{login}a:${hashOf(account)}`;
  }

  address(address: string): string {
    return `${this.prefix}b:{login}i:${escapeText(address)}`;
  }

  throttler(key: string): string {
    return `${this.prefix}b:{${escapeText(key)}}t`;
  }

  request(key: string, requestId: string): string {
    return `${this.prefix}r:{${escapeText(key)}}${hashOf(`rateLimit.consume ${requestId}`)}`;
  }
}

/** 132 bits. */
function hashOf(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, HASH_LENGTH);
}
