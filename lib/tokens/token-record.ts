import type { StoredToken, StoredTokenInfo } from './token-types.js';

type Fields = [createdMs: number, expiresMs: number, owner: string, pointer: string, data: Record<string, unknown>];

/** A record as it lies in Redis, read. */
export interface TokenRecord {
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly owner: string;
  /** Empty for a generated token. */
  readonly pointer: string;
  readonly data: Record<string, unknown>;
}

export function readRecord(text: string): TokenRecord {
  const [createdMs, expiresMs, owner, pointer, data] = JSON.parse(text) as Fields;
  return {
    createdAt: new Date(createdMs),
    expiresAt: expiresMs === 0 ? null : new Date(expiresMs),
    owner: owner.includes('%') ? decodeURIComponent(owner) : owner,
    pointer,
    data,
  };
}

export function infoOf(text: string, id: string, type: string, app: string): StoredTokenInfo {
  const { createdAt, expiresAt, owner, data } = readRecord(text);
  return { id, type, owner, app, data, createdAt, expiresAt };
}

/** The same with the token itself, for who has presented it. */
export function tokenOf(
  text: string,
  token: string,
  id: string,
  { type, app }: { readonly type: string; readonly app: string },
): StoredToken {
  return { token, ...infoOf(text, id, type, app) };
}

/** The members of the data as a record holds them: one a line. Names are escaped as in JSON already. */
export function membersOf(fields: readonly (readonly [name: string, json: string])[]): string {
  return fields.map(([name, json]) => `\n"${name}":${json}`).join(',');
}
