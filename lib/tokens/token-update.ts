import { checkDataPatch, checkInitialData, type DataPatch } from '../data/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import type { Again, RedisClient } from '../redis/index.js';
import { readRecord } from './token-record.js';
import { GET, UPDATE } from './token.lua.js';

/** May refuse, or change, what the data is about to be. */
export type Accept = (merged: Record<string, unknown>) => Promise<object>;

/** What was thrown while the data was to be accepted: to be told as it is, and not as a failure of Redis. */
export class NotAccepted {
  constructor(readonly reason: unknown) {}
}

/** A checked change of a token's data. */
export class TokenUpdate {
  private readonly patch: DataPatch;

  constructor(
    private readonly data: object,
    private readonly maxBytes: number,
    private readonly accept: Accept | undefined,
  ) {
    this.patch = checkDataPatch(data, maxBytes);
  }

  /** The record as it is afterwards, null where the token is not live. One round trip, unless somebody has to accept it. */
  async run(client: RedisClient, again: Again, key: string, scope: string): Promise<string | NotAccepted | null> {
    if (this.accept === undefined) return this.send(client, again, key, scope, '', this.patch);
    for (;;) {
      const record = await GET.run(again(), [key], [scope], again);
      if (record === null) return null;
      const patch = await this.accepted(record, this.accept).catch((error: unknown) => new NotAccepted(error));
      if (patch instanceof NotAccepted) return patch;
      const updated = await this.send(again(), again, key, scope, record, patch);
      if (updated !== 'changed') return updated;
    }
  }

  private async send(client: RedisClient, again: Again, key: string, scope: string, expected: string, { set, remove }: DataPatch) {
    const changes = [...set.flatMap(([name, json]) => [`"${name}"`, json]), ...remove.flatMap((name) => [`"${name}"`, ''])];
    const record = await UPDATE.run(client, [key], [scope, this.maxBytes, expected, ...changes], again);
    if (record !== 'large') return record;
    throw new InvalidArgumentError('data', `must be at most ${this.maxBytes} bytes as JSON, together with what is there`);
  }

  private async accepted(record: string, accept: Accept): Promise<DataPatch> {
    const { data } = readRecord(record);
    const changed = Object.entries(this.data).filter(([, value]) => value !== undefined);
    const merged = Object.fromEntries([...Object.entries(data), ...changed].filter(([name]) => this.isKept(name)));
    const { set } = checkInitialData('data', await accept(merged), this.maxBytes);
    const kept = new Set(set.map(([name]) => name));
    const { remove } = checkDataPatch(Object.fromEntries(Object.keys(data).map((name) => [name, null])), Infinity);
    return { set, remove: remove.filter((name) => !kept.has(name)) };
  }

  private isKept(name: string): boolean {
    return !Object.hasOwn(this.data, name) || Reflect.get(this.data, name) !== null;
  }
}
