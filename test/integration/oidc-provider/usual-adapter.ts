import type { Redis } from 'ioredis';
import type { Adapter, AdapterPayload } from 'oidc-provider';

/** How adapters for Redis are usually written: `consumed` is set, whoever asks; what is read before is not looked at again. */
export class UsualAdapter implements Adapter {
  constructor(
    private readonly model: string,
    private readonly client: Redis,
    private readonly prefix: string,
  ) {}

  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<void> {
    await this.client.hset(this.key(id), 'payload', JSON.stringify(payload));
    if (expiresIn !== undefined) await this.client.expire(this.key(id), expiresIn);
    if (payload.grantId !== undefined) await this.client.rpush(`${this.prefix}grant:${payload.grantId}`, this.key(id));
    if (payload.uid !== undefined) await this.client.set(`${this.prefix}uid:${payload.uid}`, id);
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const { payload, consumed } = await this.client.hgetall(this.key(id));
    if (payload === undefined) return undefined;
    return { ...(JSON.parse(payload) as AdapterPayload), ...(consumed !== undefined && { consumed: Number(consumed) }) };
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.find((await this.client.get(`${this.prefix}uid:${uid}`)) ?? '');
  }

  async findByUserCode(): Promise<undefined> {
    return undefined;
  }

  async consume(id: string): Promise<void> {
    await this.client.hset(this.key(id), 'consumed', Math.floor(Date.now() / 1000));
  }

  async destroy(id: string): Promise<void> {
    await this.client.del(this.key(id));
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    const keys = await this.client.lrange(`${this.prefix}grant:${grantId}`, 0, -1);
    await this.client.del(`${this.prefix}grant:${grantId}`, ...keys);
  }

  private key(id: string): string {
    return `${this.prefix}${this.model}:${id}`;
  }
}
