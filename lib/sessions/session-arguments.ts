import { InvalidArgumentError } from '../errors/index.js';
import { RESERVED_CLAIMS } from '../jwt/index.js';
import { type Duration, parseDuration, type ResolvedSessionOptions } from '../options/index.js';
import { assertText, type Identity } from '../redis/index.js';
import type { DeviceInfo, SessionInit } from './session-types.js';

const MAX_ID_BYTES = 256;
const MAX_DEVICE_BYTES = 1024;
const MAX_SCOPES_BYTES = 1024;
const MAX_DATA_FIELDS = 4096;
/** RFC 6749 §3.3: printable ASCII without space, quote and backslash. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** A change of the private data: JSON text by escaped name, and the names to delete. */
export interface DataPatch {
  readonly set: readonly (readonly [field: string, json: string])[];
  readonly remove: readonly string[];
}

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
  if (tenant === undefined) return { userId };
  assertText('tenant', tenant, MAX_ID_BYTES);
  return { userId, tenant };
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
    data: checkInitialData(init.data, options.maxDataBytes),
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

/** null deletes a field, undefined is ignored, all else is set. */
export function checkDataPatch(data: unknown, maxBytes: number): DataPatch {
  assertObject('data', data);
  const entries = Object.entries(data);
  const patch = {
    set: entries.filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => toField('data', name, value)),
    remove: entries.filter(([, value]) => value === null).map(([name]) => fieldName(name)),
  };
  assertSize('data', [...patch.set, ...patch.remove.map((field) => [field, ''] as const)], maxBytes);
  return patch;
}

function checkInitialData(data: unknown, maxBytes: number): DataPatch {
  if (data === undefined) return { set: [], remove: [] };
  assertObject('init.data', data);
  const set = Object.entries(data)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => toField('init.data', name, value));
  assertSize('init.data', set, maxBytes);
  return { set, remove: [] };
}

function checkScopes(scopes: unknown): readonly string[] {
  if (scopes === undefined) return [];
  if (!Array.isArray(scopes)) throw new InvalidArgumentError('init.scopes', 'must be an array of strings');
  for (const scope of scopes as unknown[]) {
    if (typeof scope !== 'string' || !SCOPE.test(scope)) {
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

export function assertObject(argument: string, value: unknown): asserts value is Record<string, unknown> {
  if (!isObject(value)) throw new InvalidArgumentError(argument, 'must be an object');
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function assertSize(argument: string, fields: DataPatch['set'], maxBytes: number): void {
  const bytes = fields.reduce((sum, [field, json]) => sum + Buffer.byteLength(field) + Buffer.byteLength(json) + 4, 1);
  if (fields.length > MAX_DATA_FIELDS) throw new InvalidArgumentError(argument, `must have at most ${MAX_DATA_FIELDS} fields`);
  if (bytes > maxBytes) throw new InvalidArgumentError(argument, `must be at most ${maxBytes} bytes as JSON`);
}

function toField(argument: string, name: string, value: unknown): [string, string] {
  return [fieldName(name), toJson(`${argument}.${name.slice(0, 64)}`, value)];
}

/** Escaped as within JSON, so that a lone surrogate in a name survives and fields put together are JSON again. */
function fieldName(name: string): string {
  return JSON.stringify(name).slice(1, -1);
}

function toJson(argument: string, value: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(value, refuseLoss);
  } catch {
    // circular, a BigInt, or refused
  }
  if (json === undefined) throw new InvalidArgumentError(argument, 'must be data that JSON can hold');
  return json;
}

/** JSON would leave functions, symbols, Maps and Sets out, and write NaN, Infinity and what an array leaves undefined as null. */
function refuseLoss(this: unknown, _name: string, value: unknown): unknown {
  const lost =
    typeof value === 'function' ||
    typeof value === 'symbol' ||
    (typeof value === 'number' && !Number.isFinite(value)) ||
    (value === undefined && Array.isArray(this)) ||
    value instanceof Map ||
    value instanceof Set;
  if (lost) throw new TypeError();
  return value;
}
