import { describe, expect, it } from 'vitest';
import { parseRevocation, type Revocation, textOf } from '../../../lib/revocation/revocation.js';

const SESSION = 'SZFeDXbldkuQ1c1xf3DeiLAOrouw';
const TENANT_SESSION = `SZFeDX${'t'.repeat(22)}${'r'.repeat(22)}`;

const EACH: Revocation[] = [
  { kind: 's', how: 'r', sessionId: SESSION },
  { kind: 's', how: 'o', sessionId: TENANT_SESSION },
  { kind: 's', how: 'e', sessionId: SESSION },
  { kind: 's', how: 'u', sessionId: SESSION },
  { kind: 'u', epoch: 1_795_723_107_636_189, except: '-', identity: 'ann' },
  { kind: 'u', epoch: 1, except: TENANT_SESSION, identity: 'acme:%F0%9F%91%A9' },
  { kind: 't', epoch: 1_795_723_107_636_189, tenantHash: 't'.repeat(22) },
  { kind: 'j', sessionId: SESSION, tokenId: 'JaR2hqFtN7CArD6eUBbzCQ.hoj3t23pbp.0.mwxz69n0' },
  { kind: 'd', sessionId: SESSION },
];

describe('an entry of the feed', () => {
  it.each(EACH.map((revocation) => [textOf(revocation), revocation] as const))('%s reads as it was written', (text, revocation) => {
    expect(parseRevocation(text)).toEqual(revocation);
  });

  it.each([
    '',
    's',
    `s x ${SESSION}`,
    `s r ${SESSION} more`,
    `s r ${SESSION.slice(1)}`,
    's r ../../etc',
    `u x - ann`,
    'u 1 - ',
    'u 1 ann',
    `t 1 short`,
    `t -1 ${'t'.repeat(22)}`,
    'a 10xCwPQqoyd1',
    `j ${SESSION}`,
    `d ${SESSION}\n`,
  ])('%j is none: others may write there, too', (text) => {
    expect(parseRevocation(text)).toBeUndefined();
  });
});
