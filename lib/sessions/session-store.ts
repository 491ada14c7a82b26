import type { DataPatch } from '../data/index.js';
import type { ResolvedSessionOptions } from '../options/index.js';
import {
  encodeIdentity,
  hashTenant,
  inDoubt,
  type Identity,
  type KeySpace,
  restOf,
  type Script,
  type ScriptArgument,
  slotTag,
  tagOf,
  tenantHashOf,
} from '../redis/index.js';
import type { CheckedInit } from './session-arguments.js';
import * as chains from './chain.lua.js';
import type { ScriptCalls } from './script-calls.js';
import { type Grant, grantOf } from './session-replies.js';
import * as lua from './session.lua.js';

/** A chain of refresh tokens, as the scripts take it. */
export interface Chain {
  readonly sessionId: string;
  readonly hash: string;
  /** `''` for the default kid. */
  readonly kid: string;
}

/** What a repeat of a sign-in needs to give the first answer again. */
export interface RepeatKey {
  readonly hash: string;
  readonly answer: string;
}

type Created =
  | { readonly status: 'ok'; readonly expiresMs: number }
  | { readonly status: 'limit' }
  | { readonly status: 'repeat'; readonly answer: string; readonly grant: Grant | undefined };

const REPEAT_WINDOW_MS = 60_000;
const REVOKED = 'r';

/** The scripts of sessions as methods: which keys and arguments they take, and what their replies mean. */
export class SessionStore {
  /** How long an ended session tells why: while an access token of it may still be in use. */
  private readonly tombstoneMs: number;

  constructor(
    private readonly calls: ScriptCalls,
    private readonly keys: KeySpace,
    private readonly options: ResolvedSessionOptions,
    skewMs: number,
  ) {
    this.tombstoneMs = options.accessTokenTtlMs + skewMs;
  }

  create(identity: Identity, chain: Chain, init: CheckedInit, repeat: RepeatKey | undefined) {
    const encoded = encodeIdentity(identity);
    const tag = tagOf(chain.sessionId);
    const keys = [this.keys.session(chain.sessionId), this.keys.user(tag, encoded)];
    if (repeat !== undefined) keys.push(this.keys.request(tag, repeat.hash));
    const { limit, keyspaceNotifications } = this.options;
    const times = `${init.idleTimeoutMs} ${init.absoluteTimeoutMs} ${this.tombstoneMs} ${limit?.max ?? 0} ${limit?.onExceeded ?? ''}`;
    const optional: [field: string, value: string | number | undefined][] = [
      ['k', chain.kid],
      ['t', init.accessTokenTtlMs],
      ['C', init.claimsJson],
      ['S', init.scopes.join(' ')],
      ['D', init.device],
      ['n', keyspaceNotifications ? 1 : undefined],
    ];
    const fields = [
      ...optional.filter((entry): entry is [string, string | number] => entry[1] !== undefined && entry[1] !== '').flat(),
      ...init.data.set.flatMap(([field, json]) => [`.${field}`, json]),
    ];
    const args = (epoch: string): ScriptArgument[] => [
      encoded,
      chain.hash,
      times,
      epoch,
      repeat?.answer ?? '',
      REPEAT_WINDOW_MS,
      ...fields,
    ];
    return this.calls.run('sessions.create', async (_client, again): Promise<Created> => {
      let least = '';
      for (;;) {
        const epoch =
          identity.tenant === undefined
            ? ''
            : await lua.JOIN_TENANT.run(again(), [this.keys.tenant(hashTenant(identity.tenant))], [this.epochTtlMs, least], again);
        const reply = await chains.CREATE.run(again(), keys, [this.calls.channel, ...args(epoch)], again);
        if (reply[0] === 'ok') return { status: 'ok', expiresMs: Number(reply[1]) };
        if (reply[0] === 'limit') return { status: 'limit' };
        if (reply[0] === 'repeat') return { status: 'repeat', answer: reply[1], grant: reply[2] ? grantOf(reply[2]) : undefined };
        // the user's index knows a later epoch: the tenant was revoked between the two commands, or its key went
        // back in a failover; once more with an epoch that is at least that
        least = reply[1];
      }
    });
  }

  /** The data of a live session (none unless asked for), or how it ended: `''` unknown. */
  verify(sessionId: string, identity: Identity, withData: boolean): Promise<string[] | string> {
    const keys = [this.keys.session(sessionId), this.keys.user(tagOf(sessionId), encodeIdentity(identity))];
    const args = [restOf(sessionId), withData ? '1' : ''];
    return this.calls.beside('sessions.verify', tenantHashOf(sessionId), lua.VERIFY, keys, args, (reply, epoch) => {
      if (typeof reply === 'string') return reply === 'live' ? [] : reply;
      return reply[0] === epoch ? (reply[1] ?? []) : REVOKED;
    });
  }

  /** A grant, or why not: how the session ended, `''` unknown, `reused`, `large` claims for an access token with so much room. */
  refresh(
    sessionId: string,
    presented: { hash: string; generation: number },
    kid: string,
    claimsJson: string,
    room: number,
  ): Promise<chains.GrantReply | string> {
    const args = [presented.hash, presented.generation, this.options.refreshLeewayMs, kid, this.tombstoneMs, claimsJson, room];
    const keys = [this.keys.session(sessionId)];
    return this.calls.act('sessions.refresh', tenantHashOf(sessionId), chains.REFRESH, keys, args, async (answer, epoch, again) => {
      if (typeof answer === 'string') return answer;
      if (answer.length === 2) return answer[1] === epoch ? answer[0] : REVOKED;
      if (answer[9] === epoch) return answer;
      await lua.END.run(again(), keys, [this.calls.channel, REVOKED, 'tenant revoked', '', ''], again).catch((error: unknown) => {
        throw inDoubt('sessions.refresh', error);
      });
      return REVOKED;
    });
  }

  get(sessionId: string, withData: boolean) {
    return this.describe('sessions.get', sessionId, lua.GET, [withData ? '1' : '']);
  }

  list(identity: Identity, withData: boolean) {
    const { index, tenant } = this.indexOf(identity);
    return this.calls.act('sessions.list', tenant, lua.LIST, [index], [withData ? '1' : ''], (replies, epoch) =>
      replies.filter((reply) => reply[12] === epoch),
    );
  }

  count(identity: Identity) {
    const { index, tenant } = this.indexOf(identity);
    return this.calls.act('sessions.count', tenant, lua.COUNT, [index], [], ([live, of], epoch) => (of === epoch ? Number(live) : 0));
  }

  update(sessionId: string, patch: DataPatch, ifVersion: number | undefined) {
    const args = [ifVersion ?? '', this.options.maxDataBytes, patch.set.length, ...patch.set.flat(), ...patch.remove];
    return this.describe('sessions.update', sessionId, lua.UPDATE, args);
  }

  touch(sessionId: string): Promise<boolean> {
    const keys = [this.keys.session(sessionId)];
    return this.calls.act(
      'sessions.touch',
      tenantHashOf(sessionId),
      lua.TOUCH,
      keys,
      [],
      ([live, of], epoch) => Number(live) === 1 && of === epoch,
    );
  }

  regenerate(sessionId: string, chain: Chain) {
    const keys = [this.keys.session(sessionId), this.keys.session(chain.sessionId)];
    return this.granted('sessions.regenerate', sessionId, chains.REGENERATE, keys, [
      restOf(chain.sessionId),
      chain.hash,
      chain.kid,
      this.tombstoneMs,
    ]);
  }

  reauthenticate(chain: Chain) {
    const keys = [this.keys.session(chain.sessionId)];
    return this.granted('sessions.reauthenticated', chain.sessionId, chains.REAUTHENTICATE, keys, [
      chain.hash,
      chain.kid,
      this.tombstoneMs,
    ]);
  }

  /** How: `r` revoked, `o` logged out. Ends it only if it is of this identity or chain, where given. */
  end(operation: string, sessionId: string, how: 'r' | 'o', reason: string, of: { identity?: Identity; hash?: string } = {}) {
    const args = [how, reason, of.identity === undefined ? '' : encodeIdentity(of.identity), of.hash ?? ''];
    const keys = [this.keys.session(sessionId)];
    return this.calls.act(operation, tenantHashOf(sessionId), lua.END, keys, args, ([ended, epochThen], epoch) => {
      return Number(ended) === 1 && epochThen === epoch;
    });
  }

  endAll(identity: Identity, exceptRest: string, reason: string): Promise<number> {
    const { index, tenant } = this.indexOf(identity);
    return this.calls.act('sessions.revokeAll', tenant, lua.END_ALL, [index], [exceptRest, reason], ([ended, epochThen], epoch) =>
      epochThen === epoch ? Number(ended) : 0,
    );
  }

  async revokeTenant(tenant: string): Promise<void> {
    const keys = [this.keys.tenant(hashTenant(tenant))];
    await this.calls.run('sessions.revokeTenant', (client, again) => lua.RAISE_TENANT.run(client, keys, [this.epochTtlMs], again));
  }

  /** An epoch lives until the last session that remembers it is gone. */
  private get epochTtlMs(): number {
    return this.options.absoluteTimeoutMs + this.tombstoneMs;
  }

  private describe<Reply extends unknown[]>(
    operation: string,
    sessionId: string,
    script: Script<Reply | null>,
    args: readonly ScriptArgument[],
  ) {
    return this.calls.act(operation, tenantHashOf(sessionId), script, [this.keys.session(sessionId)], args, (reply, epoch) =>
      reply !== null && reply.length > 2 && reply[12] !== epoch ? null : reply,
    );
  }

  private granted(
    operation: string,
    sessionId: string,
    script: Script<chains.GrantReply | null>,
    keys: readonly string[],
    args: readonly ScriptArgument[],
  ) {
    return this.calls.act(operation, tenantHashOf(sessionId), script, keys, args, (reply, epoch) =>
      reply !== null && reply[9] === epoch ? reply : null,
    );
  }

  private indexOf(identity: Identity): { index: string; tenant: string | undefined } {
    const encoded = encodeIdentity(identity);
    return {
      index: this.keys.user(slotTag(encoded), encoded),
      tenant: identity.tenant === undefined ? undefined : hashTenant(identity.tenant),
    };
  }
}
