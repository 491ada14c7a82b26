import type { DataPatch } from '../data/index.js';
import type { TokenOrigin, VerifiedToken } from '../jwt/index.js';
import type { ResolvedSessionOptions } from '../options/index.js';
import {
  type Again,
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
import type { Revocations } from '../revocation/index.js';
import type { CheckedInit } from './session-arguments.js';
import * as chains from './chain.lua.js';
import type { ScriptCalls } from './script-calls.js';
import { type Grant, grantOf, originOf } from './session-replies.js';
import type { Acted } from './session-state.lua.js';
import * as lua from './session.lua.js';
import { JOIN_TENANT } from './tenant-epoch.lua.js';

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
  | { readonly status: 'ok'; readonly expiresMs: number; readonly origin: TokenOrigin }
  | { readonly status: 'limit' }
  | { readonly status: 'repeat'; readonly answer: string; readonly grant: Grant | undefined };

const REPEAT_WINDOW_MS = 60_000;
const REVOKED = 'r';

/** The scripts of sessions as methods: which keys and arguments they take, and what their replies mean. */
export class SessionStore {
  constructor(
    private readonly calls: ScriptCalls,
    private readonly keys: KeySpace,
    private readonly options: ResolvedSessionOptions,
    private readonly revocations: Revocations,
    /** How long an ended session tells why: while an access token of it may still be in use. */
    private readonly tombstoneMs: number,
  ) {}

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
      this.revocations.replica.userEpoch(encoded),
      ...fields,
    ];
    return this.calls.run('sessions.create', async (_client, again): Promise<Created> => {
      let least = '';
      for (;;) {
        const epoch = identity.tenant === undefined ? '' : await this.joinTenant(identity.tenant, least, again);
        const acted = await chains.CREATE.run(again(), keys, [this.calls.channel, ...args(epoch)], again);
        const reply = await this.calls.told('sessions.create', acted, again);
        if (reply[0] === 'ok') {
          const [, expiresMs, userEpoch, nowMs] = reply;
          return { status: 'ok', expiresMs: Number(expiresMs), origin: originOf(userEpoch, epoch, nowMs) };
        }
        if (reply[0] === 'limit') return { status: 'limit' };
        if (reply[0] === 'repeat') return { status: 'repeat', answer: reply[1], grant: reply[2] ? grantOf(reply[2]) : undefined };
        // the user's index knows a later epoch: the tenant was revoked between the two commands, or its key went
        // back in a failover; once more with an epoch that is at least that
        least = reply[1];
      }
    });
  }

  /** The data of a live session (none unless asked for), or how it ended: `''` unknown. */
  verify(token: VerifiedToken, withData: boolean): Promise<string[] | string> {
    const { sessionId, identity, tenantHash, tokenId } = token;
    const keys = [this.keys.session(sessionId), this.keys.user(tagOf(sessionId), identity)];
    const args = [restOf(sessionId), withData ? '1' : '', tokenId];
    return this.calls.look('sessions.verify', tenantHash, lua.VERIFY, keys, args, (reply, epoch) => {
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
    const { hash, generation } = presented;
    const known = this.knownEpoch(sessionId);
    const args = [hash, generation, this.options.refreshLeewayMs, kid, this.tombstoneMs, claimsJson, room, known];
    const keys = [this.keys.session(sessionId)];
    const tenantHash = tenantHashOf(sessionId);
    return this.calls.act('sessions.refresh', tenantHash, chains.REFRESH, keys, args, async (answer, epoch, again) => {
      if (typeof answer === 'string') return answer;
      if (answer.length === 2) return answer[1] === epoch ? answer[0] : REVOKED;
      const isOfTenant = answer[9] === epoch;
      // known here, and lost by Redis in a failover
      const token = { sessionId, tokenId: '', identity: answer[5], tenantHash, ...originOf(answer[10], epoch, answer[11]) };
      const ending = isOfTenant ? this.revocations.replica.endingOf(token) : REVOKED;
      if (ending === undefined) return answer;
      await lua.END.run(again(), keys, [this.calls.channel, ending, 'tenant revoked', '', '', isOfTenant ? '' : 'event'], again).catch(
        (error: unknown) => {
          throw inDoubt('sessions.refresh', error);
        },
      );
      return ending;
    });
  }

  get(sessionId: string, withData: boolean) {
    return this.describe('sessions.get', sessionId, lua.GET, [withData ? '1' : '']);
  }

  list(identity: Identity, withData: boolean) {
    const { index, tenant } = indexOf(this.keys, identity);
    return this.calls.act('sessions.list', tenant, lua.LIST, [index], [withData ? '1' : ''], (replies, epoch) =>
      replies.filter((reply) => reply[12] === epoch),
    );
  }

  count(identity: Identity) {
    const { index, tenant } = indexOf(this.keys, identity);
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
    return this.granted('sessions.regenerate', sessionId, chains.REGENERATE, keys, [restOf(chain.sessionId), chain.hash, chain.kid]);
  }

  reauthenticate(chain: Chain) {
    const keys = [this.keys.session(chain.sessionId)];
    return this.granted('sessions.reauthenticated', chain.sessionId, chains.REAUTHENTICATE, keys, [chain.hash, chain.kid]);
  }

  /** Within its tenant's epoch, which is made where there is none. */
  private async joinTenant(tenant: string, least: string, again: Again): Promise<string> {
    const tenantHash = hashTenant(tenant);
    const marked = await JOIN_TENANT.run(
      again(),
      [this.keys.tenant(tenantHash)],
      [this.epochTtlMs, least || this.revocations.replica.tenantEpoch(tenantHash) || ''],
      again,
    );
    return (await this.calls.settled(tenantHash, marked, again))!;
  }

  /** An epoch lives until the last session that remembers it is gone. */
  get epochTtlMs(): number {
    return this.options.absoluteTimeoutMs + this.tombstoneMs;
  }

  private describe<Reply extends unknown[]>(
    operation: string,
    sessionId: string,
    script: Script<Acted<Reply | null>>,
    args: readonly ScriptArgument[],
  ) {
    return this.calls.act(operation, tenantHashOf(sessionId), script, [this.keys.session(sessionId)], args, (reply, epoch) =>
      reply !== null && reply.at(-1) === epoch ? reply : null,
    );
  }

  private granted(
    operation: string,
    sessionId: string,
    script: Script<Acted<chains.GrantReply | null>>,
    keys: readonly string[],
    of: readonly ScriptArgument[],
  ) {
    const args = [...of, this.tombstoneMs, this.knownEpoch(sessionId)];
    return this.calls.act(operation, tenantHashOf(sessionId), script, keys, args, (reply, epoch) =>
      reply !== null && reply[9] === epoch ? reply : null,
    );
  }

  /** Of the session's tenant, as far as the feed has told it here: '' where it has not. */
  private knownEpoch(sessionId: string): ScriptArgument {
    const tenantHash = tenantHashOf(sessionId);
    return (tenantHash !== undefined && this.revocations.replica.tenantEpoch(tenantHash)) || '';
  }
}

/** The index of an identity, and its tenant. */
export function indexOf(keys: KeySpace, identity: Identity): { index: string; tenant: string | undefined } {
  const encoded = encodeIdentity(identity);
  return {
    index: keys.user(slotTag(encoded), encoded),
    tenant: identity.tenant === undefined ? undefined : hashTenant(identity.tenant),
  };
}
