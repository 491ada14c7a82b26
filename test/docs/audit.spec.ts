import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** The members of a union of texts, as its source lists them. */
function membersOf(path: string, type: string): string[] {
  const union = new RegExp(`export type ${type} =([^;]*);`).exec(read(path))?.[1] ?? '';
  return [...union.matchAll(/'([\w-]+)'/g)].map(([, member]) => member!);
}

describe('docs/audit.md', () => {
  it('lists every code that the audit can find, and no other', () => {
    const codes = [...membersOf('lib/audit/finding.ts', 'AuditCode'), ...membersOf('lib/redis/trouble.ts', 'TroubleCode')];
    const rows = [...read('docs/audit.md').matchAll(/^\| `([a-z]+(?:-[a-z]+)+|loading|busy|plaintext)`/gm)].map(([, code]) => code!);
    expect(codes.length).toBeGreaterThan(40);
    expect([...new Set(rows)].sort()).toEqual([...new Set(codes)].sort());
  });
});
