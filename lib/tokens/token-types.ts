import type { Duration } from '../options/index.js';

/** A token, as its holder gets it. */
export interface StoredToken<Data extends object = Record<string, unknown>> {
  /** The credential itself: kept nowhere but with its holder. */
  token: string;
  /** Public: may be shown, and deleted by, and never authenticates. */
  id: string;
  type: string;
  owner: string;
  app: string;
  data: Data;
  createdAt: Date;
  /** Null for one that lives until it is deleted. */
  expiresAt: Date | null;
}

/** A token as others may see it. */
export type StoredTokenInfo<Data extends object = Record<string, unknown>> = Omit<StoredToken<Data>, 'token'>;

/** What tokens are kept apart by: nothing of one app and type is ever found under another. */
export interface TokenScope {
  /** What the token is for, as in `password-reset`. */
  type: string;
  /** @default 'default' */
  app?: string;
}

/** The tokens of one owner. */
export interface TokenOwner extends TokenScope {
  owner: string;
}

/** One token, by itself. */
export interface TokenReference extends TokenScope {
  token: string;
}

export interface NewToken extends TokenOwner {
  /** Kept with the token and given back as it is; at most `tokens.maxDataBytes` as JSON. @default {} */
  data?: object;
  /** `'never'` for a token that lives until it is deleted. @default tokens.defaultTtl */
  ttl?: Duration;
  /** A token of your own making, of at most 8 kB; costs a second round trip here and wherever it is presented. @default generated */
  token?: string;
  /** Makes a repeat within 60 s get the first answer; other arguments of the repeat are ignored. */
  requestId?: string;
}

/** Where a page of {@link TokenStore.list} begins: behind this token. */
export type TokenPlace = Pick<StoredTokenInfo, 'id' | 'expiresAt'>;

export interface TokenPage {
  /** At most so many. @default all */
  limit?: number;
  /** The last one of the page before. */
  after?: TokenPlace;
}
