import { InvalidArgumentError } from '../errors/index.js';
import { assertObject, hasMembers, toJson } from './json.js';

const MAX_DATA_FIELDS = 4096;

/** A change of the private data: JSON text by escaped name, and the names to delete. */
export interface DataPatch {
  readonly set: readonly (readonly [field: string, json: string])[];
  readonly remove: readonly string[];
}

/** null deletes a field, undefined is ignored, all else is set. */
export function checkDataPatch(data: unknown, maxBytes: number): DataPatch {
  assertMembers('data', data);
  const entries = Object.entries(data);
  const patch = {
    set: entries.filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => toField('data', name, value)),
    remove: entries.filter(([, value]) => value === null).map(([name]) => fieldName(name)),
  };
  assertSize('data', [...patch.set, ...patch.remove.map((field) => [field, ''] as const)], maxBytes);
  return patch;
}

/** Data of something new: undefined is ignored, all else is kept, null too. */
export function checkInitialData(argument: string, data: unknown, maxBytes: number): DataPatch {
  if (data === undefined) return { set: [], remove: [] };
  assertMembers(argument, data);
  const set = Object.entries(data)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => toField(argument, name, value));
  assertSize(argument, set, maxBytes);
  return { set, remove: [] };
}

function assertMembers(argument: string, data: unknown): asserts data is Record<string, unknown> {
  assertObject(argument, data);
  if (!hasMembers(data)) throw new InvalidArgumentError(argument, 'must be a plain object');
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

/** Fields are kept as JSON text under names escaped as in JSON: put together they parse as one object, `__proto__` included. */
export function dataOf(fields: readonly string[]): Record<string, unknown> {
  const members: string[] = [];
  for (let n = 0; n < fields.length; n += 2) members.push(`"${fields[n]}":${fields[n + 1]}`);
  return JSON.parse(`{${members.join(',')}}`) as Record<string, unknown>;
}
