import { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import { assertText, randomText } from '../../data/index.js';
import { InvalidArgumentError, RedisAuthConfigError } from '../../errors/index.js';
import { isText } from '../../options/index.js';
import { type Again, inDoubt, type RedisAuthConnection, type RedisClient } from '../../redis/index.js';
import { CONSUME, END, JOIN, REVOKE, STORE } from './record.lua.js';
import type { Place, RecordPlaces } from './record-places.js';
import { seal, unseal } from './sealed.js';

const MAX_ID_BYTES = 1024;
const GENERATION_BYTES = 12;
/** What a request that was in flight when a record was ended may still try to write comes within this. */
const TOMBSTONE_MS = 600_000;

/** Those that a revoked grant takes along. An Interaction only mentions its grant. */
const OF_A_GRANT: ReadonlySet<string> = new Set([
  'AccessToken',
  'AuthorizationCode',
  'RefreshToken',
  'DeviceCode',
  'BackchannelAuthenticationRequest',
  'PreAuthorizedCode',
]);

/** How a record stands to its grant. */
interface Membership {
  readonly generation: string;
  readonly ordinal: number;
}

/** One model of oidc-provider: what its artifacts are is theirs, how they live and end is here. */
export class ModelAdapter implements Adapter {
  constructor(
    private readonly model: string,
    private readonly connection: RedisAuthConnection,
    private readonly places: RecordPlaces,
  ) {}

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
      const member = grantId === undefined ? undefined : await this.join(grantId, ttl, again);
      if (member === null) return false;
      const args = [sealed, ttl, member?.generation ?? '', member?.ordinal ?? 0, onlyNew ? 1 : ''];
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
    const { key } = this.firstOf(this.places.of(this.model, id));
    const consumed = await this.run('consume', (client, again) => CONSUME.run(client, [key], [], again));
    if (Number(consumed) === 1) return;
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

  /** null where the grant was ended. */
  private async join(grantId: string, ttl: number | '', again: Again): Promise<Membership | null> {
    const issued = this.model === 'AccessToken' || this.model === 'RefreshToken' ? 1 : 0;
    const args = [randomText(GENERATION_BYTES), ttl, '', issued, this.model === 'RefreshToken' ? 1 : 0];
    const reply = await JOIN.run(again(), [this.places.grant(grantId).key], args, again);
    if (reply === null) return null;
    return { generation: reply[0], ordinal: Number(this.model === 'RefreshToken' ? reply[2] : reply[1]) };
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
      const [sealed, consumed, generation, ordinal] = await again().hmgetBuffer(key, 'd', 'c', 'n', 'k');
      if (!sealed) continue;
      const payload = JSON.parse(unseal(sealingKey, sealed)) as AdapterPayload;
      const consumedAt = consumed ? { consumed: Number(consumed) } : {};
      const grantId = this.grantOf(payload);
      if (grantId === undefined) return { ...payload, ...consumedAt };
      const counter = this.model === 'RefreshToken' ? 'r' : 'i';
      const [current, count] = await again().hmget(this.places.grant(grantId).key, 'n', counter);
      if (!current || current !== generation?.toString()) return undefined;
      // Used, but nothing has been issued since: the request that used it is still at work. Whoever presents it now fails
      // in consume; whoever presents it later is told that it was used, and that is reuse.
      return Number(count) > Number(ordinal) ? { ...payload, ...consumedAt } : payload;
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

/** Milliseconds; `''` for what never expires. */
function ttlOf(expiresIn: unknown): number | '' {
  if (expiresIn === undefined) return '';
  if (typeof expiresIn !== 'number' || !Number.isFinite(expiresIn))
    throw new InvalidArgumentError('expiresIn', 'must be a number of seconds');
  return Math.ceil(expiresIn * 1000);
}
