import { randomText } from '../data/index.js';
import { InvalidArgumentError, TokenExistsError } from '../errors/index.js';
import type { RedisAuthConnection, RedisClient } from '../redis/index.js';
import type { CustomTokens } from './custom-tokens.js';
import { otherKey, type RequestSecrets } from './request-secrets.js';
import type { CheckedToken } from './token-arguments.js';
import { customRest, idOfGenerated, namesOf, pointerOf, restOf, scopeOf, type TokenKeys } from './token-keys.js';
import { readRecord, tokenOf } from './token-record.js';
import type { StoredToken } from './token-types.js';
import { CREATE, GET } from './token.lua.js';

const OPERATION = 'tokens.create';

/** Stores new tokens, and gives the first answer again to a repeat of a request. */
export class TokenCreation {
  constructor(
    private readonly connection: RedisAuthConnection,
    private readonly keys: TokenKeys,
    private readonly secrets: RequestSecrets,
    private readonly custom: CustomTokens,
  ) {}

  create(wanted: CheckedToken): Promise<StoredToken> {
    return wanted.token === undefined ? this.generated(wanted) : this.given(wanted, wanted.token);
  }

  private generated(wanted: CheckedToken): Promise<StoredToken> {
    const { names, tag, requestId } = wanted;
    const nonce = requestId === undefined ? '' : this.secrets.nonce();
    const token = tag + (nonce === '' ? this.secrets.random() : this.secrets.derive(nonce));
    const id = idOfGenerated(names, token);
    return this.connection.execute(OPERATION, async (client, again) => {
      const [status, text] = await this.store(client, again, wanted, id, '', `g ${nonce}.${restOf(id)}`);
      if (status === 'ok') return tokenOf(text, token, id, wanted);
      return this.repeated(again, wanted, text);
    });
  }

  private given(wanted: CheckedToken, token: string): Promise<StoredToken> {
    const { tag, names, ttl } = wanted;
    const id = tag + customRest(randomText(18));
    if (wanted.requestId !== undefined) this.secrets.assertKey();
    return this.connection.execute(OPERATION, async (client, again) => {
      const pointer = pointerOf(names, token);
      const [status, text] = await this.store(client, again, wanted, id, pointer, `c ${restOf(id)}`);
      if (status === 'repeat') return this.repeated(again, wanted, text);
      const claim = { request: this.requestKey(wanted), isNew: true };
      if (!(await this.custom.claim(OPERATION, again, names, pointer, id, ttl, claim))) throw new TokenExistsError();
      return tokenOf(text, token, id, wanted);
    });
  }

  private store(client: RedisClient, again: () => RedisClient, wanted: CheckedToken, id: string, pointer: string, answer: string) {
    const { names, ownerName, ttl, members } = wanted;
    const keys = [this.keys.record(id)];
    const args = [scopeOf(names), ownerName, ttl, pointer, members];
    const request = this.requestKey(wanted);
    if (request !== undefined) {
      keys.push(request);
      args.push(`${answer} ${names.type}`);
    }
    return CREATE.run(client, keys, args, again);
  }

  private requestKey({ tag, names, ownerName, requestId }: CheckedToken): string | undefined {
    return requestId === undefined ? undefined : this.keys.request(tag, OPERATION, names.app, ownerName, requestId);
  }

  /** The answer that the first of these requests got; its pointer may have been lost on the way, and is made up for. */
  private async repeated(again: () => RedisClient, wanted: CheckedToken, first: string): Promise<StoredToken> {
    const { app, tag, token } = wanted;
    const lineEnd = first.indexOf('\n');
    const [kind, answer = '', typeName = ''] = first.slice(0, lineEnd).split(' ');
    const record = first.slice(lineEnd + 1);
    const type = decodeURIComponent(typeName);
    const names = namesOf(app, type);
    if (kind === 'g') {
      const generated = tag + this.secrets.derive(answer);
      const generatedId = idOfGenerated(names, generated);
      // another instance's key of the same name need not be the same key
      if (!answer.endsWith(`.${restOf(generatedId)}`)) throw otherKey();
      return tokenOf(record, generated, generatedId, { type, app });
    }
    const id = tag + answer;
    const { expiresAt, createdAt, pointer } = readRecord(record);
    if (token === undefined || pointerOf(names, token) !== pointer) {
      throw new InvalidArgumentError('requestId', 'was first used with another token; use a new one');
    }
    const isLive = (await GET.run(again(), [this.keys.record(id)], [scopeOf(names)], again)) !== null;
    const ttl = expiresAt === null ? '' : expiresAt.getTime() - createdAt.getTime();
    const claim = { request: this.requestKey(wanted) };
    if (isLive && !(await this.custom.claim(OPERATION, again, names, pointer, id, ttl, claim))) throw new TokenExistsError();
    return tokenOf(record, token, id, { type, app });
  }
}
