import { hash } from 'node:crypto';
import { slotTag } from '../redis/index.js';

const TAG_LENGTH = 6;
const REST_LENGTH = 22;
/** Spread over the masters of a Cluster, few enough to be read all at once. */
const SHARDS = 16;

const SHARD_TAGS: readonly string[] = Array.from({ length: SHARDS }, (_, n) => slotTag(`oauth-tokens:${n}`));

/** Where one listed token is: its record, the index that lists it, and as what. */
export interface ListedToken {
  readonly record: string;
  readonly index: string;
  readonly member: string;
}

/**
 * Names of the keys. What a record belongs to is hashed (168 bits), so that urls may be long, no two records share a key,
 * and no `state` is to be seen.
 *
 * | key                             | type   | holds                                                                      |
 * |---------------------------------|--------|----------------------------------------------------------------------------|
 * | `<prefix>a:{hash}client:<hash>` | string | credentials of a client, encrypted                                         |
 * | `<prefix>a:{hash}pkce:<hash>`   | string | PKCE values, encrypted                                                     |
 * | `<prefix>a:{hash}access:<hash>` | string | Unix ms from which there is nothing left of it, or nothing; a space; an access token, encrypted |
 * | `<prefix>a:{shard}token:<hash>` | string | a token under a key of the caller's, encrypted                             |
 * | `<prefix>l:{shard}`             | zset   | the tokens of that shard, `<hash><key>`, by expiry (ms)                    |
 */
export class OAuthKeys {
  /** Of every shard. */
  readonly indexes: readonly string[];

  constructor(private readonly prefix: string) {
    this.indexes = SHARD_TAGS.map((tag) => `${prefix}l:{${tag}}`);
  }

  client(serverUrl: string): string {
    return this.record('client', serverUrl);
  }

  pkce(userId: string, state: string): string {
    return this.record('pkce', userId, state);
  }

  access(userId: string, url: string): string {
    return this.record('access', userId, url);
  }

  token(key: string): ListedToken {
    const digest = hash('sha256', key, 'buffer');
    const shard = digest[0]! % SHARDS;
    const rest = digest.toString('base64url').slice(0, REST_LENGTH);
    return { record: `${this.prefix}a:{${SHARD_TAGS[shard]!}}token:${rest}`, index: this.indexes[shard]!, member: rest + key };
  }

  private record(kind: string, ...parts: readonly string[]): string {
    const name = hash('sha256', JSON.stringify(parts), 'base64url');
    return `${this.prefix}a:{${name.slice(0, TAG_LENGTH)}}${kind}:${name.slice(TAG_LENGTH, TAG_LENGTH + REST_LENGTH)}`;
  }
}

/** The caller's key of a token, from how the index lists it. */
export function keyOfMember(member: string): string {
  return member.slice(REST_LENGTH);
}
