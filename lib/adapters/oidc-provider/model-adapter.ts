import { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import { assertText, randomText, seal, unseal } from '../../data/index.js';
import { type Observer, Traced } from '../../diagnostics/index.js';
import { InvalidArgumentError, RedisAuthConfigError } from '../../errors/index.js';
import { isText } from '../../options/index.js';
import { type Again, inDoubt, type RedisAuthConnection, type RedisClient } from '../../redis/index.js';
import { CONSUME, END, JOIN, REVOKE, STORE } from './record.lua.js';
import type { Place, RecordPlaces } from './record-places.js';

const MAX_ID_BYTES = 1024;
const GENERATION_BYTES = 12;
/** What a request that was in flight when a record was ended may still try to write comes within this. */
const TOMBSTONE_MS = 600_000;
/** What Redis would refuse as too long; clients choose how long their assertions live. */
const LONGEST_TTL_MS = 100 * 365 * 86_400_000;

/** Those that a revoked grant takes along. An Interaction only mentions its grant. */
const OF_A_GRANT: ReadonlySet<string> = new Set([
  'AccessToken',
  'AuthorizationCode',
  'RefreshToken',
  'DeviceCode',
  'BackchannelAuthenticationRequest',
  'PreAuthorizedCode',
]);

/** One model of oidc-provider: what its artifacts are is theirs, how they live and end is here. */
@Traced<ModelAdapter>('oidcProvider', ['upsert', 'find', 'findByUid', 'findByUserCode', 'consume', 'destroy', 'revokeByGrantId'])
export class ModelAdapter implements Adapter {
  constructor(
    private readonly model: string,
    private readonly connection: RedisAuthConnection,
    private readonly places: RecordPlaces,
  ) {}

  get observer(): Observer {
    return this.connection.observer;
  }

  /**
   * Stores or changes. What was ended meanwhile, or is of a grant that was, is not written, and nobody is told: it would
   * be of no use in any case, and the request that lost the race may finish.
   */
  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<void> {
    assertText('id', id, MAX_ID_BYTES);
    const ttl = ttlOf(expiresIn);
    const text = JSON.stringify(payload);
    if (this.model === 'Grant') return this.storeGrant(id, text, ttl);
    const place = this.firstOf(this.places.of(this.model, id));
    const pointers = this.pointersTo(payload).map(({ key, sealingKey }) => [key, seal(sealingKey, id)] as const);
    const sealed = seal(place.sealingKey, text);
    const grantId = this.grantOf(payload);
    const onlyNew = this.model === 'ReplayDetection';
    const stored = await this.run('upsert', async (_client, again) => {
      const generation = grantId === undefined ? '' : await this.join(grantId, ttl, again);
      if (generation === null) return false;
      const args = [sealed, ttl, generation, onlyNew ? 1 : ''];
      if (Number(await STORE.run(again(), [place.key], args, again)) === 0) return false;
      for (const pointer of pointers) {
        const set = ttl === '' ? again().set(...pointer) : again().set(...pointer, 'PX', Math.max(ttl, 1));
        await set.catch((error: unknown) => {
          throw inDoubt('oidcProvider.upsert', error);
        });
      }
      return true;
    });
    if (onlyNew && !stored) throw new errors.InvalidRequest('the request was replayed');
  }

  /** One read; a second one for what belongs to a grant. */
  async find(id: string): Promise<AdapterPayload | undefined> {
    if (!isText(id, MAX_ID_BYTES)) return undefined;
    const places = this.places.of(this.model, id);
    return this.run('find', (_client, again) => this.read(places, again));
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    if (!isText(uid, MAX_ID_BYTES)) return undefined;
    const found = await this.follow('findByUid', [this.places.uid(uid)]);
    return found?.uid === uid ? found : undefined;
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    if (!isText(userCode, MAX_ID_BYTES)) return undefined;
    const found = await this.follow('findByUserCode', this.places.userCode(userCode));
    return found?.userCode === userCode ? found : undefined;
  }

  /** At most one caller ever succeeds; the others reject with what the endpoint answers as `invalid_grant`. */
  async consume(id: string): Promise<void> {
    assertText('id', id, MAX_ID_BYTES);
    const place = this.firstOf(this.places.of(this.model, id));
    const consumed = await this.run('consume', async (_client, again) => {
      const issued = OF_A_GRANT.has(this.model) ? await this.issuedBefore(place, again) : '';
      return Number(await CONSUME.run(again(), [place.key], [issued], again)) === 1;
    });
    if (consumed) return;
    if (this.model === 'PushedAuthorizationRequest') {
      throw new errors.InvalidRequestUri('request_uri is invalid, expired, or was already used');
    }
    throw new errors.InvalidGrant(`the ${this.model} was used by another request, or has ended`);
  }

  async destroy(id: string): Promise<void> {
    assertText('id', id, MAX_ID_BYTES);
    const places = this.places.of(this.model, id);
    await this.run('destroy', async (_client, again) => {
      for (const { key } of places) {
        // A client is configuration: one that was removed may be set up anew under its id.
        await (this.model === 'Client' ? again().del(key) : END.run(again(), [key], [TOMBSTONE_MS], again));
      }
    });
  }

  /** One write, however many tokens there are. */
  async revokeByGrantId(grantId: string): Promise<void> {
    assertText('grantId', grantId, MAX_ID_BYTES);
    const { key } = this.places.grant(grantId);
    await this.run('revokeByGrantId', (client, again) => REVOKE.run(client, [key], [randomText(GENERATION_BYTES)], again));
  }

  private run<T>(method: string, send: (client: RedisClient, again: Again) => Promise<T>): Promise<T> {
    return this.connection.execute(`oidcProvider.${method}`, send);
  }

  private async storeGrant(id: string, text: string, ttl: number | ''): Promise<void> {
    const { key, sealingKey } = this.places.grant(id);
    const args = [randomText(GENERATION_BYTES), ttl, seal(sealingKey, text), 0, 0];
    await this.run('upsert', (client, again) => JOIN.run(client, [key], args, again));
  }

  /** The generation of a grant; null where it was ended. */
  private async join(grantId: string, ttl: number | '', again: Again): Promise<string | null> {
    const issued = this.model === 'AccessToken' || this.model === 'RefreshToken' ? 1 : 0;
    const args = [randomText(GENERATION_BYTES), ttl, '', issued, this.model === 'RefreshToken' ? 1 : 0];
    return JOIN.run(again(), [this.places.grant(grantId).key], args, again);
  }

  /** How much its grant has given when a record is used: others, of the same browser, may have got theirs since it was stored. */
  private async issuedBefore({ key, sealingKey }: Place, again: Again): Promise<string> {
    const sealed = await again().hgetBuffer(key, 'd');
    if (sealed === null) return '';
    const grantId = this.grantOf(parse(unseal(sealingKey, sealed)));
    return (grantId !== undefined && (await again().hget(this.places.grant(grantId).key, this.counter))) || '';
  }

  /** What shows that a record was used to the end: for a refresh token the next one, for the others any token. */
  private get counter(): 'r' | 'i' {
    return this.model === 'RefreshToken' ? 'r' : 'i';
  }

  private async follow(method: string, pointers: readonly Place[]): Promise<AdapterPayload | undefined> {
    return this.run(method, async (_client, again) => {
      for (const { key, sealingKey } of pointers) {
        const sealed = await again().getBuffer(key);
        if (sealed !== null) return this.read(this.places.of(this.model, unseal(sealingKey, sealed)), again);
      }
      return undefined;
    });
  }

  private async read(places: readonly Place[], again: Again): Promise<AdapterPayload | undefined> {
    for (const { key, sealingKey } of places) {
      const [sealed, consumed, generation, issued] = await again().hmgetBuffer(key, 'd', 'c', 'n', 'k');
      if (!sealed) continue;
      const payload = parse(unseal(sealingKey, sealed));
      const consumedAt = consumed ? { consumed: Number(consumed) } : {};
      const grantId = this.grantOf(payload);
      if (grantId === undefined) return { ...payload, ...consumedAt };
      const [current, count] = await again().hmget(this.places.grant(grantId).key, 'n', this.counter);
      if (!current || current !== generation?.toString()) return undefined;
      // Used, but nothing has been issued since: the request that used it is still at work. Whoever presents it now fails
      // in consume; whoever presents it later is told that it was used, and that is reuse.
      return Number(count) > Number(issued) ? { ...payload, ...consumedAt } : payload;
    }
    return undefined;
  }

  private grantOf(payload: AdapterPayload): string | undefined {
    return OF_A_GRANT.has(this.model) ? payload.grantId : undefined;
  }

  private pointersTo({ uid, userCode }: AdapterPayload): Place[] {
    if (this.model === 'Session' && uid !== undefined) return [this.places.uid(uid)];
    return userCode === undefined ? [] : [this.firstOf(this.places.userCode(userCode))];
  }

  private firstOf([place]: readonly Place[]): Place {
    if (place !== undefined) return place;
    throw new RedisAuthConfigError([
      { path: 'secret', message: `is needed to store a ${this.model}: its id or user code can be guessed, and would not protect it` },
    ]);
  }
}

function parse(text: string): AdapterPayload {
  return JSON.parse(text) as AdapterPayload;
}

/** Milliseconds; `''` for what never expires. */
function ttlOf(expiresIn: unknown): number | '' {
  if (expiresIn === undefined) return '';
  if (typeof expiresIn !== 'number' || !Number.isFinite(expiresIn))
    throw new InvalidArgumentError('expiresIn', 'must be a number of seconds');
  return Math.ceil(Math.min(Math.max(expiresIn * 1000, 0), LONGEST_TTL_MS));
}
