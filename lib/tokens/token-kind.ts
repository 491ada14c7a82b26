import type { StandardSchemaV1 } from '@standard-schema/spec';
import { isObject } from '../data/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import type { Duration } from '../options/index.js';
import { checkScope, checkTtl } from './token-arguments.js';
import type { TokenStore } from './token.store.js';
import type { NewToken, StoredToken, StoredTokenInfo, TokenPage } from './token-types.js';

/** What the tokens of one purpose have in common. */
export interface TokenKindDefinition<Schema extends StandardSchemaV1> {
  /** What the tokens are for, as in `invitation`. */
  type: string;
  /** @default 'default' */
  app?: string;
  /** @default tokens.defaultTtl */
  ttl?: Duration;
  /** A Standard Schema (Zod, Valibot, ArkType …) of the data; it has to accept what it puts out. */
  schema?: Schema;
}

/** The data that a schema puts out; any object without one. */
export type DataOf<Schema extends StandardSchemaV1> =
  StandardSchemaV1.InferOutput<Schema> extends object ? StandardSchemaV1.InferOutput<Schema> : never;

/** A change of some fields: null deletes one, undefined is ignored, others are set. */
export type KindPatch<Data> = Data extends object ? { [Field in keyof Data]?: Data[Field] | null | undefined } : object;

/**
 * The tokens of one purpose, made with {@link TokenStore.kind}: the methods of the store without `type` and `app`, typed
 * data, and data checked by a schema whenever it is written. What is read is what was accepted when it was written.
 */
export class TokenKind<Schema extends StandardSchemaV1 = StandardSchemaV1<Record<string, unknown>>> {
  private readonly scope: { type: string; app: string };

  /** @internal */
  constructor(
    private readonly store: TokenStore,
    private readonly definition: TokenKindDefinition<Schema>,
  ) {
    const { app, type } = checkScope(definition);
    if (definition.ttl !== undefined) checkTtl(definition.ttl);
    this.scope = { app, type };
  }

  /** As {@link TokenStore.create}; with the life of its kind unless `ttl` says otherwise. @throws InvalidArgumentError for data that the schema refuses; nothing is stored */
  async create(
    init: Omit<NewToken, 'type' | 'app' | 'data'> & { data?: StandardSchemaV1.InferInput<Schema> },
  ): Promise<StoredToken<DataOf<Schema>>> {
    const data = await this.accept(init?.data ?? {});
    const ttl = init?.ttl === undefined ? this.definition.ttl : init.ttl;
    return this.store.create({ ...init, ...this.scope, ...(ttl !== undefined && { ttl }), data });
  }

  /** As {@link TokenStore.get}. */
  get(token: string): Promise<StoredToken<DataOf<Schema>> | null> {
    return this.store.get({ ...this.scope, token });
  }

  /**
   * As {@link TokenStore.update}. With a schema the data as it would be is checked, and the change made only if nothing
   * else was changed meanwhile (else once more): two round trips instead of one, and `commandTimeout` bounds the time
   * that the schema takes, too.
   *
   * @throws InvalidArgumentError for data that the schema refuses; nothing is changed
   */
  update(token: string, data: KindPatch<StandardSchemaV1.InferInput<Schema>>): Promise<StoredToken<DataOf<Schema>> | null> {
    const reference = { ...this.scope, token, data };
    if (this.definition.schema === undefined) return this.store.update(reference);
    return this.store.update(reference, (merged) => this.accept(merged));
  }

  /** As {@link TokenStore.refresh}. */
  refresh(token: string, ttl: Duration): Promise<boolean> {
    return this.store.refresh({ ...this.scope, token, ttl });
  }

  /** As {@link TokenStore.delete}. */
  delete(reference: ({ token: string } | { id: string }) & { owner?: string }): Promise<boolean> {
    return this.store.delete({ ...reference, ...this.scope });
  }

  /** As {@link TokenStore.deleteAll}, of this purpose. */
  deleteAll(owner: string): Promise<number> {
    return this.store.deleteAll({ ...this.scope, owner });
  }

  /** As {@link TokenStore.consume}. */
  consume(token: string, opts: { requestId?: string } = {}): Promise<StoredToken<DataOf<Schema>> | null> {
    return this.store.consume({ ...opts, ...this.scope, token });
  }

  /** As {@link TokenStore.list}. */
  list(owner: string, page: TokenPage = {}): Promise<StoredTokenInfo<DataOf<Schema>>[]> {
    return this.store.list({ ...page, ...this.scope, owner });
  }

  /** As {@link TokenStore.count}. */
  count(owner: string): Promise<number> {
    return this.store.count({ ...this.scope, owner });
  }

  private async accept(data: unknown): Promise<DataOf<Schema>> {
    const result = await this.definition.schema?.['~standard'].validate(data);
    if (result?.issues !== undefined) throw new InvalidArgumentError('data', result.issues.map(describe).join('; '));
    const accepted = result === undefined ? data : result.value;
    if (!isObject(accepted)) throw new InvalidArgumentError('data', 'must be an object');
    return accepted as DataOf<Schema>;
  }
}

function describe({ path = [], message }: StandardSchemaV1.Issue): string {
  const at = path.map((segment) => String(typeof segment === 'object' ? segment.key : segment)).join('.');
  return at === '' ? message : `${at}: ${message}`;
}
