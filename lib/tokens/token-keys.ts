import { hash } from 'node:crypto';
import { escapeText, slotTag } from '../redis/index.js';

const TAG_LENGTH = 6;
const REST_LENGTH = 22;
/** Longer, so that a script knows it for one to which a pointer leads. */
const CUSTOM_REST_LENGTH = 23;
const GENERATED = /^[A-Za-z0-9_-]{49}$/;
const ID = /^[A-Za-z0-9_-]{28,29}$/;
const INDEX = /^i:\{([\w-]{6})\}([^:{}]+):([^:{}]+):([^:{}]+)$/;

/** App and type of a token, or app and owner of several, as they stand in key names. */
export interface Names {
  readonly app: string;
  readonly type: string;
}

/** What an index is of. */
export interface IndexNames extends Names {
  readonly tag: string;
  readonly owner: string;
}

/**
 * Names of the keys. Everything of one owner within one app lies in one Cluster slot, by a tag that begins each
 * generated token and each public id: the key of a token's record is computed from the token alone.
 *
 * | key                                       | type   | holds                                                     |
 * |-------------------------------------------|--------|-----------------------------------------------------------|
 * | `<prefix>k:{tag}<rest>`                   | string | one token's record                                        |
 * | `<prefix>i:{tag}<app>:<owner>:<type>`     | zset   | the owner's live tokens of one type, by expiry            |
 * | `<prefix>o:{tag}<app>:<owner>`            | zset   | the types of which the owner has tokens                   |
 * | `<prefix>d:{tag}<app>:<owner>:<type>`     | zset   | tokens ended at once whose records are being cleared away |
 * | `<prefix>p:{tag of it}<rest of it>`       | string | hash of a custom token → its id                           |
 * | `<prefix>c:{tag}<app>:<owner>:<type>`     | hash   | a one-time code                                           |
 * | `<prefix>r:{tag}<hash>`                   | string | first answer to a `requestId`, for 60 s                   |
 */
export class TokenKeys {
  constructor(private readonly prefix: string) {}

  record(id: string): string {
    return this.key('k', tagOf(id), restOf(id));
  }

  index(tag: string, { app, type }: Names, owner: string): string {
    return this.key('i', tag, `${app}:${owner}:${type}`);
  }

  /** What the name of an index says; undefined for a key that only looks like one. */
  readIndex(key: string): IndexNames | undefined {
    const [, tag, app, owner, type] = (key.startsWith(this.prefix) && INDEX.exec(key.slice(this.prefix.length))) || [];
    if (tag === undefined || app === undefined || owner === undefined || type === undefined) return undefined;
    return ownerTag(app, owner) === tag && [app, owner, type].every(isName) ? { tag, app, owner, type } : undefined;
  }

  types(tag: string, app: string, owner: string): string {
    return this.key('o', tag, `${app}:${owner}`);
  }

  pointer(pointer: string): string {
    return this.key('p', tagOf(pointer), restOf(pointer));
  }

  code(tag: string, { app, type }: Names, owner: string): string {
    return this.key('c', tag, `${app}:${owner}:${type}`);
  }

  request(tag: string, ...parts: readonly string[]): string {
    return this.key('r', tag, hash('sha256', JSON.stringify(parts), 'base64url').slice(0, REST_LENGTH));
  }

  private key(letter: string, tag: string, name: string): string {
    return `${this.prefix}${letter}:{${tag}}${name}`;
  }
}

/** `app` and `owner` as they stand in key names. */
export function ownerTag(app: string, owner: string): string {
  return slotTag(`${app}:${owner}`);
}

export function namesOf(app: string, type: string): Names {
  return { app: escapeText(app), type: escapeText(type) };
}

/** The first argument of each script. */
export function scopeOf({ app, type }: Names): string {
  return `${app} ${type}`;
}

/** Whether it has the form of a token that was generated here; only then does the token itself say where its record is. */
export function isGenerated(token: string): boolean {
  return GENERATED.test(token);
}

export function isTokenId(text: string): boolean {
  return ID.test(text);
}

/** Id of the record of a generated token: the tag, and 132 bits of the hash. */
export function idOfGenerated(names: Names, token: string): string {
  return tagOf(token) + hashToken(names, token).slice(0, REST_LENGTH);
}

/** Names the key that leads from a custom token to its record: 168 bits of the hash. */
export function pointerOf(names: Names, token: string): string {
  return hashToken(names, token).slice(0, TAG_LENGTH + REST_LENGTH);
}

/** The rest of the id of a custom token's record, from at least 23 characters of text. */
export function customRest(text: string): string {
  return text.slice(0, CUSTOM_REST_LENGTH);
}

export function tagOf(id: string): string {
  return id.slice(0, TAG_LENGTH);
}

export function restOf(id: string): string {
  return id.slice(TAG_LENGTH);
}

/** Whether {@link escapeText} makes it of anything. */
function isName(text: string): boolean {
  try {
    return escapeText(decodeURIComponent(text)) === text;
  } catch {
    return false;
  }
}

function hashToken({ app, type }: Names, token: string): string {
  return hash('sha256', `${app}:${type}:${token}`, 'base64url');
}
