import { createHash, createHmac } from 'node:crypto';
import { checkInitialData } from '../data/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { isText } from '../options/index.js';
import { escapeText } from '../redis/index.js';
import {
  customRest,
  isGenerated,
  isTokenId,
  membersOf,
  type Names,
  namesOf,
  ownerTag,
  pointerOf,
  restOf,
  scopeOf,
  tagOf,
  type TokenKeys,
  type TokenStoreParts,
} from '../tokens/index.js';
import type { ForeignTokenRecord, SkipReason, TokenRecord } from './import-record.js';

const MAX_ID_BYTES = 256;
const MAX_TOKEN_BYTES = 8192;
const POINTER = /^[A-Za-z0-9_-]{28}$/;
const GENERATED_REST_LENGTH = 22;
const DEFAULT_APP = 'default';

/** A token that may be stored, in the words of the script. */
export interface PreparedToken {
  readonly id: string;
  readonly names: Names;
  readonly owner: string;
  readonly index: string;
  /** Empty unless it is a custom one. */
  readonly pointer: string;
  /** Unix ms, 0 for never. */
  readonly expires: number;
  readonly args: readonly (string | number)[];
}

/** Checks records, and hashes tokens that came in the clear. */
export class TokenPreparation {
  private readonly maxDataBytes: number;
  private readonly key: Buffer | undefined;

  constructor(
    private readonly keys: TokenKeys,
    { tokens, keys: [first] }: Pick<TokenStoreParts, 'tokens' | 'keys'>,
  ) {
    this.maxDataBytes = tokens.maxDataBytes;
    this.key = first?.key;
  }

  /** What to store, or why not. A record may come from a file that anybody wrote. */
  prepare(record: TokenRecord): PreparedToken | SkipReason {
    const { id, app, type, owner, createdAt, expiresAt, pointer = '' } = record;
    if (![app, type, owner].every((text) => isText(text, MAX_ID_BYTES))) return 'malformed';
    if (typeof id !== 'string' || !isTokenId(id) || !isMoment(createdAt ?? 0)) return 'malformed';
    // Only null is never: to live for ever must be asked for.
    if (expiresAt !== null && !isMoment(expiresAt)) return 'malformed';
    if (expiresAt === 0) return 'expired';
    if (pointer !== '' && (typeof pointer !== 'string' || !POINTER.test(pointer))) return 'malformed';
    const names = namesOf(app, type);
    const ownerName = escapeText(owner);
    const tag = ownerTag(names.app, ownerName);
    // Tokens of an owner are found by the tag of their id, and custom ones told apart by its length.
    if (tagOf(id) !== tag || (restOf(id).length === GENERATED_REST_LENGTH) !== (pointer === '')) return 'wrong-id';
    const members = this.membersOf(record.data);
    if (members === undefined) return 'bad-data';
    const expires = expiresAt ?? 0;
    return {
      id,
      names,
      owner: ownerName,
      index: this.keys.index(tag, names, ownerName),
      pointer,
      expires,
      args: [restOf(id), createdAt ?? '', expires, pointer, members],
    };
  }

  /** The same for the same token each time, so that a second import finds what the first one stored. */
  hashed({ token, app = DEFAULT_APP, type, owner, data = {}, expiresAt }: ForeignTokenRecord): TokenRecord | SkipReason {
    if (![app, type, owner].every((text) => isText(text, MAX_ID_BYTES)) || !isText(token, MAX_TOKEN_BYTES)) return 'malformed';
    if (isGenerated(token)) return 'generated-form';
    const names = namesOf(app, type);
    const pointer = pointerOf(names, token);
    const id = ownerTag(names.app, escapeText(owner)) + customRest(this.publicName(pointer));
    return { kind: 'token', id, app, type, owner, data, expiresAt, pointer };
  }

  /** An id is public: with a key nobody else can tell from it which token it is, however easily that is guessed. */
  private publicName(pointer: string): string {
    const hash = this.key === undefined ? createHash('sha256') : createHmac('sha256', this.key);
    return hash.update(`import ${pointer}`).digest('base64url');
  }

  private membersOf(data: unknown): string | undefined {
    try {
      return membersOf(checkInitialData('data', data ?? null, this.maxDataBytes).set);
    } catch (error) {
      if (error instanceof InvalidArgumentError) return undefined;
      throw error;
    }
  }
}

/** Groups of tokens that one script stores: of one owner and type, and so few that Redis is not kept long. */
export function slicesOf<Token extends PreparedToken>(tokens: readonly Token[], most: number): Token[][] {
  const byIndex = new Map<string, Token[]>();
  for (const token of tokens) {
    const group = byIndex.get(token.index);
    if (group === undefined) byIndex.set(token.index, [token]);
    else group.push(token);
  }
  return [...byIndex.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / most) }, (_, n) => group.slice(n * most, (n + 1) * most)),
  );
}

export function importArguments(slice: readonly PreparedToken[]): (string | number)[] {
  const { names, owner } = slice[0]!;
  return [scopeOf(names), owner, ...slice.flatMap(({ args }) => args)];
}

/** A Date can be no later: what is would be read as no moment at all, and written anew as never. */
const LATEST_MS = 8.64e15;

function isMoment(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= LATEST_MS;
}
