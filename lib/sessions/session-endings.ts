import { InvalidArgumentError } from '../errors/index.js';
import type { VerifiedToken } from '../jwt/index.js';
import { hashTenant, type Identity, inDoubt, type KeySpace, type RedisAuthConnection, slotTag, tenantHashOf } from '../redis/index.js';
import { parseRevocation, type Revocations, textOf } from '../revocation/index.js';
import { isOutage } from './breaker.js';
import type { ScriptCalls } from './script-calls.js';
import * as lua from './session.lua.js';
import { indexOf } from './session-store.js';
import { RAISE_TENANT, RESTORE_TENANT } from './tenant-epoch.lua.js';

/** Of one session, so that its record stays small. */
const MOST_ENDED_TOKENS = 64;
const REDONE_AT_ONCE = 16;

/** How long things are to be remembered. */
export interface EndingTimes {
  /** How long an access token may live after what ended it. */
  readonly windowMs: number;
  /** Until the last session that remembers an epoch is gone. */
  readonly epochTtlMs: number;
}

/**
 * What ends sessions. Where one session or token is named, the feed is told before the state is changed: should the
 * process die between the two, every instance refuses what may not have been ended, never the other way round. What only
 * a script can decide is changed first and marked there, told then, and told by whoever comes next if the process died.
 */
export class SessionEndings {
  constructor(
    private readonly connection: RedisAuthConnection,
    private readonly calls: ScriptCalls,
    private readonly keys: KeySpace,
    private readonly revocations: Revocations,
    private readonly times: EndingTimes,
  ) {}

  /** How: `r` revoked, `o` logged out. Ends it only if it is of this identity or chain, where given. */
  end(
    operation: string,
    sessionId: string,
    how: 'r' | 'o',
    reason: string,
    of: { identity?: string; hash?: string } = {},
  ): Promise<boolean> {
    // whether it is of that chain only the script can tell; and who does not follow the feed does not know what that was told
    const { feed, replica } = this.revocations;
    const isFirst = of.hash === undefined && feed.isOpen && !replica.hasSession(sessionId);
    const first = isFirst ? [textOf({ kind: 's', how, sessionId })] : [];
    const args = [how, reason, of.identity ?? '', of.hash ?? '', isFirst ? 'event' : 'all'];
    const keys = [this.keys.session(sessionId)];
    return this.calls.act(
      operation,
      tenantHashOf(sessionId),
      lua.END,
      keys,
      args,
      ([ended, epochThen], epoch) => Number(ended) === 1 && epochThen === epoch,
      first,
    );
  }

  /** @throws InvalidArgumentError where more tokens of the session were ended one by one than it can remember */
  endToken(token: VerifiedToken): Promise<boolean> {
    const { sessionId, tokenId, identity, tenantHash } = token;
    const { feed, replica } = this.revocations;
    const first = feed.isOpen && replica.endingOf(token) === undefined ? [textOf({ kind: 'j', sessionId, tokenId })] : [];
    const args = [identity, tokenId, this.times.windowMs, MOST_ENDED_TOKENS, feed.isOpen ? '' : 'all'];
    return this.calls.act(
      'sessions.revokeToken',
      tenantHash,
      lua.END_TOKEN,
      [this.keys.session(sessionId)],
      args,
      ([ended, epochThen], epoch) => {
        if (epochThen !== epoch) return false;
        if (Number(ended) >= 0) return Number(ended) === 1;
        throw new InvalidArgumentError('accessToken', `is one of more than ${MOST_ENDED_TOKENS} of its session; revoke the session`);
      },
      first,
    );
  }

  endAll(identity: Identity, exceptRest: string, reason: string): Promise<number> {
    const { index, tenant } = indexOf(this.keys, identity);
    const args = [exceptRest, reason, this.times.windowMs, ''];
    return this.calls.act('sessions.revokeAll', tenant, lua.END_ALL, [index], args, ([ended, epochThen], epoch) =>
      epochThen === epoch ? Number(ended) : 0,
    );
  }

  async endTenant(tenant: string): Promise<void> {
    const tenantHash = hashTenant(tenant);
    const operation = 'sessions.revokeTenant';
    await this.calls.run(operation, async (client, again) => {
      const marked = await RAISE_TENANT.run(client, [this.keys.tenant(tenantHash)], [this.times.epochTtlMs], again);
      await this.calls.settled(tenantHash, marked, again).catch((error: unknown) => {
        throw inDoubt(operation, error);
      });
    });
  }

  /** Does again what Redis may have lost, without events: they were told. Resolves to what could not be done. */
  async redo(texts: readonly string[]): Promise<string[]> {
    const undone: string[] = [];
    const rest = texts[Symbol.iterator]();
    const worker = async (): Promise<void> => {
      for (const text of rest) {
        await this.redoOne(text).catch((error: unknown) => {
          // what Redis answers with an error it will answer so again
          if (isOutage(error)) undone.push(text);
        });
      }
    };
    await Promise.all(Array.from({ length: REDONE_AT_ONCE }, worker));
    return undone;
  }

  private async redoOne(text: string): Promise<void> {
    const revocation = parseRevocation(text);
    const redo = (script: typeof lua.END | typeof lua.END_ALL | typeof lua.END_TOKEN, key: string, args: readonly (string | number)[]) =>
      this.connection.execute('revocation.redo', (client, again) => script.run(client, [key], [this.calls.channel, ...args], again));
    switch (revocation?.kind) {
      case 's':
        return void (await redo(lua.END, this.keys.session(revocation.sessionId), [revocation.how, '', '', '', '']));
      case 'u': {
        const { identity, except, epoch } = revocation;
        const index = this.keys.user(slotTag(identity), identity);
        return void (await redo(lua.END_ALL, index, [except.slice(slotTag(identity).length), 'revoke-all', this.times.windowMs, epoch]));
      }
      case 't': {
        const key = this.keys.tenant(revocation.tenantHash);
        const args = [this.times.epochTtlMs, revocation.epoch];
        return void (await this.connection.execute('revocation.redo', (client, again) => RESTORE_TENANT.run(client, [key], args, again)));
      }
      case 'j': {
        const { sessionId, tokenId } = revocation;
        return void (await redo(lua.END_TOKEN, this.keys.session(sessionId), ['', tokenId, this.times.windowMs, MOST_ENDED_TOKENS, '']));
      }
      default:
        return;
    }
  }
}
