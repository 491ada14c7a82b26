import { assertObject, assertText, checkInitialData, type DataPatch, isObject, toJson } from '../data/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { RESERVED_CLAIMS } from '../jwt/index.js';
import { type Duration, isScope, parseDuration, type ResolvedSessionOptions } from '../options/index.js';
import { encodeIdentity, type Identity, isSessionId, restOf, sessionBelongsTo } from '../redis/index.js';
import type { DeviceInfo, SessionInit } from './session-types.js';

const MAX_ID_BYTES = 256;
const MAX_REASON_BYTES = 256;
const MAX_DEVICE_BYTES = 1024;
const MAX_SCOPES_BYTES = 1024;

/** A checked sign-in, in the form the script takes. */
export interface CheckedInit {
  readonly claims: Record<string, unknown>;
  readonly claimsJson: string;
  readonly scopes: readonly string[];
  readonly device: string;
  readonly data: DataPatch;
  /** Undefined where the module's applies. */
  readonly accessTokenTtlMs: number | undefined;
  readonly idleTimeoutMs: number;
  readonly absoluteTimeoutMs: number;
  readonly requestId: string | undefined;
}

export function checkIdentity(userId: unknown, tenant: unknown): Identity {
  assertText('userId', userId, MAX_ID_BYTES);
  return tenant === undefined ? { userId } : { userId, tenant: checkTenant(tenant) };
}

export function checkTenant(tenant: unknown): string {
  assertText('tenant', tenant, MAX_ID_BYTES);
  return tenant;
}

export function checkInit(init: SessionInit, options: ResolvedSessionOptions): CheckedInit {
  if (!isObject(init)) throw new InvalidArgumentError('init', 'must be an object');
  if (init.requestId !== undefined) assertText('init.requestId', init.requestId, MAX_ID_BYTES);
  const claims = init.claims === undefined ? NO_CLAIMS : checkClaims('init.claims', init.claims, options.maxClaimsBytes);
  return {
    claims: claims.written,
    claimsJson: claims.json,
    scopes: checkScopes(init.scopes),
    device: checkDevice(init.device),
    data: checkInitialData('init.data', init.data, options.maxDataBytes),
    accessTokenTtlMs:
      init.accessTokenTtl === undefined ? undefined : atMost('init.accessTokenTtl', init.accessTokenTtl, options.accessTokenTtlMs),
    idleTimeoutMs: atMost('init.idleTimeout', init.idleTimeout, options.idleTimeoutMs),
    absoluteTimeoutMs: atMost('init.absoluteTimeout', init.absoluteTimeout, options.absoluteTimeoutMs),
    requestId: init.requestId,
  };
}

const NO_CLAIMS = { json: '', written: {} };

/** The claims as JSON, and as that reads: the caller's object may have a toJSON, or change before it is signed. */
export function checkClaims(argument: string, claims: unknown, maxBytes: number): { json: string; written: Record<string, unknown> } {
  assertObject(argument, claims);
  const json = toJson(argument, claims);
  if (Buffer.byteLength(json) > maxBytes) throw new InvalidArgumentError(argument, `must be at most ${maxBytes} bytes as JSON`);
  const written: unknown = JSON.parse(json);
  assertObject(argument, written);
  for (const name of Object.keys(written)) {
    if (RESERVED_CLAIMS.has(name)) throw new InvalidArgumentError(argument, `must not set the registered name '${name}'`);
  }
  return { json, written };
}

/** Whether `opts` asks for the private data. */
export function wantsData(opts: { data?: boolean }): boolean {
  assertObject('opts', opts);
  if (opts['data'] !== undefined && typeof opts['data'] !== 'boolean') throw new InvalidArgumentError('opts.data', 'must be a boolean');
  return opts['data'] === true;
}

function checkScopes(scopes: unknown): readonly string[] {
  if (scopes === undefined) return [];
  if (!Array.isArray(scopes)) throw new InvalidArgumentError('init.scopes', 'must be an array of strings');
  for (const scope of scopes as unknown[]) {
    if (!isScope(scope)) {
      throw new InvalidArgumentError(
        'init.scopes',
        'must hold scope tokens by RFC 6749: printable ASCII without space, quote and backslash',
      );
    }
  }
  const unique = [...new Set(scopes as string[])];
  if (unique.join(' ').length > MAX_SCOPES_BYTES) {
    throw new InvalidArgumentError('init.scopes', `must be at most ${MAX_SCOPES_BYTES} bytes together`);
  }
  return unique;
}

function checkDevice(device: unknown): string {
  if (device === undefined) return '';
  assertObject('init.device', device);
  const known: DeviceInfo = {};
  for (const [name, value] of Object.entries(device) as [string, unknown][]) {
    if (name !== 'name' && name !== 'ip' && name !== 'userAgent') {
      throw new InvalidArgumentError('init.device', 'may hold name, ip and userAgent only; keep the rest in data');
    }
    if (value === undefined || value === '') continue;
    const text: unknown = value;
    assertText(`init.device.${name}`, text, MAX_DEVICE_BYTES);
    known[name] = text;
  }
  return JSON.stringify(known);
}

function atMost(argument: string, value: Duration | undefined, moduleMs: number): number {
  if (value === undefined) return moduleMs;
  const ms = parseDuration(value);
  if (ms === undefined || !(ms >= 1)) {
    throw new InvalidArgumentError(argument, "must be a duration above 0: seconds, or text as '15m', '15 minutes', '3 days'");
  }
  if (ms > moduleMs) throw new InvalidArgumentError(argument, `must be at most the module's (${moduleMs} ms)`);
  return ms;
}

export function checkVersion(ifVersion: unknown): number | undefined {
  if (ifVersion === undefined || Number.isSafeInteger(ifVersion)) return ifVersion as number | undefined;
  throw new InvalidArgumentError('opts.ifVersion', 'must be an integer');
}

/** Why a session is ended, as it is told in the event. */
export function checkReason(reason: unknown): string {
  if (reason === undefined) return '';
  assertText('reason', reason, MAX_REASON_BYTES);
  return reason;
}

/** False for text that no session id can be: such a session is not live, and no command is needed to know. */
export function checkSessionId(argument: string, sessionId: unknown): sessionId is string {
  assertText(argument, sessionId, MAX_ID_BYTES);
  return isSessionId(sessionId);
}

/** The part of a session's id by which a script spares it; '' where none is to be, or it is not one of these. */
export function checkSpared(argument: string, sessionId: string | undefined, identity: Identity): string {
  if (sessionId === undefined || !checkSessionId(argument, sessionId)) return '';
  return sessionBelongsTo(sessionId, encodeIdentity(identity), identity.tenant) ? restOf(sessionId) : '';
}

export function assertString(argument: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') throw new InvalidArgumentError(argument, 'must be a string');
}
