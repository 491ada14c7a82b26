import { createHash, createHmac, randomInt } from 'node:crypto';
import { assertText, checkInitialData } from '../data/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import type { DerivedKey } from '../jwt/index.js';
import { type Duration, parseDuration } from '../options/index.js';
import type { RedisAuthConnection } from '../redis/index.js';
import { CREATE_CODE, VERIFY_CODE } from './code.lua.js';
import { CodeVerification } from './code-verification.js';
import { checkOwner, type CheckedOwner, checkRequestId } from './token-arguments.js';
import type { TokenKeys } from './token-keys.js';
import type { TokenOwner } from './token-types.js';

/** A short code for somebody to type. */
export interface NewCode extends TokenOwner {
  /** Digits, 4 to 12. @default 6 */
  length?: number;
  /** @default '10m' */
  ttl?: Duration;
  /** Wrong attempts, over all codes of this owner and type, until every attempt is refused for one `ttl`; 1 to 100. @default 5 */
  maxAttempts?: number;
  /** Given back by the successful attempt. @default {} */
  data?: object;
}

/** An attempt at it. */
export interface CodeAttempt extends TokenOwner {
  code: string;
  /** Makes a repeat of the same code within 60 s get the first answer, so that a lost reply does not use it up. */
  requestId?: string;
}

/** What is to be sent to its owner. */
export interface IssuedCode {
  code: string;
  createdAt: Date;
  expiresAt: Date;
}

const LIMITS = { length: [4, 12], maxAttempts: [1, 100] } as const;
const DEFAULTS = { length: 6, ttl: '10m', maxAttempts: 5 } as const;
const MAC_LENGTH = 32;

/** One-time codes: one at a time for each owner and type. */
export class OneTimeCodes {
  constructor(
    private readonly connection: RedisAuthConnection,
    private readonly keys: TokenKeys,
    private readonly macKeys: readonly DerivedKey[],
    private readonly maxDataBytes: number,
  ) {}

  async create(init: NewCode): Promise<IssuedCode | null> {
    const of = checkOwner(init);
    const length = within('length', init.length ?? DEFAULTS.length);
    const maxAttempts = within('maxAttempts', init.maxAttempts ?? DEFAULTS.maxAttempts);
    const ttlMs = parseDuration(init.ttl ?? DEFAULTS.ttl);
    if (ttlMs === undefined || ttlMs < 1) throw new InvalidArgumentError('ttl', "must be a duration above 0: seconds, or text as '10m'");
    const members = checkInitialData('data', init.data, this.maxDataBytes).set.map(([name, json]) => `"${name}":${json}`);
    const code = String(randomInt(10 ** length)).padStart(length, '0');
    const args = [this.macsOf(of, code)[0]!, ttlMs, maxAttempts, `{${members.join(',')}}`];
    const [created] = await this.connection.execute('tokens.createCode', (client, again) =>
      CREATE_CODE.run(client, [this.key(of)], args, again),
    );
    if (created === '') return null;
    return { code, createdAt: new Date(Number(created)), expiresAt: new Date(Number(created) + ttlMs) };
  }

  async verify(attempt: CodeAttempt): Promise<CodeVerification> {
    const of = checkOwner(attempt);
    const { code } = attempt;
    assertText('code', code, 256);
    const requestId = checkRequestId(attempt.requestId);
    const macs = this.macsOf(of, code);
    const keys = [this.key(of)];
    if (requestId !== undefined) {
      // with the code: whoever learns of a requestId alone learns nothing by it
      keys.push(this.keys.request(of.tag, 'tokens.verifyCode', of.names.app, of.ownerName, of.names.type, requestId, macs[0]!));
    }
    const [status, detail] = await this.connection.execute('tokens.verifyCode', (client, again) =>
      VERIFY_CODE.run(client, keys, [macs.join(' ')], again),
    );
    switch (status) {
      case 'ok':
        return new CodeVerification({ valid: true, data: JSON.parse(detail) as Record<string, unknown>, attemptsLeft: 0 });
      case 'wrong':
        return new CodeVerification({ valid: false, reason: status, attemptsLeft: Number(detail) });
      case 'locked':
        return new CodeVerification({ valid: false, reason: status, attemptsLeft: 0, lockedUntil: new Date(Number(detail)) });
      default:
        return new CodeVerification({ valid: false, reason: status, attemptsLeft: 0 });
    }
  }

  private key({ tag, names, ownerName }: CheckedOwner): string {
    return this.keys.code(tag, names, ownerName);
  }

  /** A million codes are soon tried on a bare hash: with a key, what lies in Redis says nothing of the code. */
  private macsOf({ names, ownerName }: CheckedOwner, code: string): string[] {
    const text = `code ${names.app}:${ownerName}:${names.type}:${code}`;
    if (this.macKeys.length === 0) return [createHash('sha256').update(text).digest('base64url').slice(0, MAC_LENGTH)];
    return this.macKeys.map(({ key }) => createHmac('sha256', key).update(text).digest('base64url').slice(0, MAC_LENGTH));
  }
}

function within(argument: 'length' | 'maxAttempts', value: number): number {
  const [least, most] = LIMITS[argument];
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new InvalidArgumentError(argument, `must be an integer from ${least} to ${most}`);
}
