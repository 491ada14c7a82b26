import { createHash } from 'node:crypto';
import type { RedisClient } from './redis-client.js';

/** A command is named where it is called, never put together: so what a script may need stands in its text. */
const CALL = /\bredis\.p?call\('([A-Z]+)'/g;

/** A key or an argument of a script. Bytes stay bytes. */
export type ScriptArgument = string | number | Buffer;

/**
 * One Lua script: run by its SHA-1, sent in full where the server does not know it (first use, restart,
 * SCRIPT FLUSH, a failed-over replica). ioredis' defineCommand is not used: inside MULTI it fails with NOSCRIPT.
 */
export class Script<Reply = unknown> {
  private readonly sha: string;

  constructor(private readonly lua: string) {
    this.sha = createHash('sha1').update(lua).digest('hex');
  }

  /** What it calls, as ACL rules name commands, each once. */
  get commands(): string[] {
    return [...new Set([...this.lua.matchAll(CALL)].map(([, name]) => name!.toLowerCase()))];
  }

  /** One round trip; two where the server has to be told the script, over `again()`. All keys must be of one slot. */
  run(client: RedisClient, keys: readonly string[], args: readonly ScriptArgument[], again = () => client): Promise<Reply> {
    const reply = client.evalsha(this.sha, keys.length, ...keys, ...args) as Promise<Reply>;
    return reply.catch((error: unknown) => {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return again().eval(this.lua, keys.length, ...keys, ...args) as Promise<Reply>;
    });
  }
}
