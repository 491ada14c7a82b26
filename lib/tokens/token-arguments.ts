import { assertObject, assertText, checkInitialData, isObject } from '../data/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { type Duration, parseDuration } from '../options/index.js';
import { escapeText } from '../redis/index.js';
import { isGenerated, isTokenId, type Names, namesOf, ownerTag } from './token-keys.js';
import { membersOf } from './token-record.js';
import type { NewToken, TokenOwner, TokenPage, TokenScope } from './token-types.js';

const MAX_ID_BYTES = 256;
const MAX_TOKEN_BYTES = 8192;
const DEFAULT_APP = 'default';

/** App and type, checked; `names` is how they stand in key names. */
export interface CheckedScope {
  readonly app: string;
  readonly type: string;
  readonly names: Names;
}

/** Whose tokens. */
export interface CheckedOwner extends CheckedScope {
  readonly owner: string;
  /** As it stands in key names. */
  readonly ownerName: string;
  readonly tag: string;
}

/** What is to be stored. */
export interface CheckedToken extends CheckedOwner {
  readonly members: string;
  /** `''` for never. */
  readonly ttl: number | '';
  readonly token: string | undefined;
  readonly requestId: string | undefined;
}

export function checkScope(scope: TokenScope): CheckedScope {
  if (!isObject(scope)) throw new InvalidArgumentError('options', 'must be an object');
  const { type, app = DEFAULT_APP } = scope;
  assertText('type', type, MAX_ID_BYTES);
  assertText('app', app, MAX_ID_BYTES);
  return { app, type, names: namesOf(app, type) };
}

export function checkOwner(of: TokenOwner): CheckedOwner {
  return withOwner(checkScope(of), of.owner);
}

/** No type stands for every type of the owner. */
export function checkOwnerOfAny(of: Omit<TokenOwner, 'type'> & { type?: string }): CheckedOwner {
  if (!isObject(of)) throw new InvalidArgumentError('options', 'must be an object');
  if (of.type !== undefined) return checkOwner({ ...of, type: of.type });
  const { app, names } = checkScope({ ...of, type: '*' });
  return withOwner({ app, type: '', names: { app: names.app, type: '' } }, of.owner);
}

function withOwner({ app, type, names }: CheckedScope, owner: unknown): CheckedOwner {
  assertText('owner', owner, MAX_ID_BYTES);
  const ownerName = escapeText(owner);
  return { app, type, names, owner, ownerName, tag: ownerTag(names.app, ownerName) };
}

export function checkNewToken(init: NewToken, defaultTtlMs: number, maxDataBytes: number): CheckedToken {
  const of = checkOwner(init);
  const { token, requestId } = init;
  if (token !== undefined) {
    assertText('token', token, MAX_TOKEN_BYTES);
    if (isGenerated(token)) throw new InvalidArgumentError('token', 'has the form of a generated token; give it another, or leave it out');
  }
  return {
    ...of,
    members: membersOf(checkInitialData('data', init.data, maxDataBytes).set),
    ttl: init.ttl === undefined ? defaultTtlMs : checkTtl(init.ttl),
    token,
    requestId: checkRequestId(requestId),
  };
}

export function checkTtl(ttl: Duration): number | '' {
  if (ttl === 'never') return '';
  const ms = parseDuration(ttl);
  if (ms !== undefined && ms >= 1) return ms;
  throw new InvalidArgumentError('ttl', "must be a duration above 0: seconds, or text as '15m', '3 days'; or 'never'");
}

export function checkRequestId(requestId: unknown): string | undefined {
  if (requestId === undefined) return undefined;
  assertText('requestId', requestId, MAX_ID_BYTES);
  return requestId;
}

export function checkToken(token: unknown): string {
  assertText('token', token, MAX_TOKEN_BYTES);
  return token;
}

/** Undefined for text that no id can be: such a token is not there, and no command is needed to know. */
export function checkId(id: unknown): string | undefined {
  assertText('id', id, MAX_ID_BYTES);
  return isTokenId(id) ? id : undefined;
}

export function checkPage(page: TokenPage): TokenPage {
  const { limit = Infinity, after } = page;
  if (limit !== Infinity && !(Number.isSafeInteger(limit) && limit >= 1)) {
    throw new InvalidArgumentError('limit', 'must be an integer of at least 1');
  }
  if (after === undefined) return { limit };
  assertObject('after', after);
  const { id, expiresAt } = after;
  if (checkId(id) === undefined) throw new InvalidArgumentError('after', 'must be a token of the page before');
  if (expiresAt !== null && !(expiresAt instanceof Date && Number.isFinite(expiresAt.getTime()))) {
    throw new InvalidArgumentError('after.expiresAt', 'must be a Date or null');
  }
  return { limit, after };
}
