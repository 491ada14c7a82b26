import type { StoredToken, TokenScope, TokenStore } from '../tokens/index.js';

/** The opaque tokens that are served: a type of the default app, or of a named one. */
export type ServedTokens = string | TokenScope;

/** Opaque tokens of the types that an application names; others are as unknown as those of somebody else. */
export class OpaqueTokens {
  private readonly scopes: readonly TokenScope[];

  constructor(
    private readonly store: TokenStore,
    served: readonly ServedTokens[],
  ) {
    this.scopes = served.map((tokens) => (typeof tokens === 'string' ? { type: tokens } : tokens));
  }

  /** The live tokens of this text: one at most, unless custom tokens of several types are the same. One command for each type, all at once. */
  async find(token: string): Promise<StoredToken[]> {
    const found = await Promise.all(this.scopes.map(({ type, app }) => this.store.get({ type, token, ...(app !== undefined && { app }) })));
    return found.filter((stored) => stored !== null);
  }

  /** By its id, so that another token of the same text is not touched. */
  end({ type, app, id }: StoredToken): Promise<boolean> {
    return this.store.delete({ type, app, id });
  }
}

/** The client that a token was issued to; undefined for none. */
export function clientOf({ data }: StoredToken): string | undefined {
  const { client_id: client } = data;
  return typeof client === 'string' ? client : undefined;
}
