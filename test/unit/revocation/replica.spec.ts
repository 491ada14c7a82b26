import { describe, expect, it } from 'vitest';
import { parseRevocation } from '../../../lib/revocation/revocation.js';
import { type RevocableToken, RevocationReplica } from '../../../lib/revocation/revocation-replica.js';

const ONE = 'SZFeDXbldkuQ1c1xf3DeiLAOrouw';
const OTHER = 'SZFeDXcaUhBED1-3xSvwouUA_0DA';
const TENANT = 't'.repeat(22);

const token: RevocableToken = { sessionId: ONE, tokenId: 'one.1', identity: 'ann', tenantHash: TENANT, userEpoch: 5, tenantEpoch: 7 };

function replicaOf(...texts: string[]): RevocationReplica {
  const replica = new RevocationReplica();
  for (const text of texts) replica.add(parseRevocation(text)!, 100);
  return replica;
}

describe('RevocationReplica', () => {
  it.each([
    ['its session', `s o ${ONE}`, 'o'],
    ['its session, evicted', `s e ${ONE}`, 'e'],
    ['the token itself', `j ${ONE} one.1`, 'r'],
    ['everything of its user', 'u 6 - ann', 'r'],
    ['everything of its user but another session', `u 6 ${OTHER} ann`, 'r'],
    ['everything of its tenant', `t 8 ${TENANT}`, 'r'],
  ])('refuses a token after the end of %s', (_what, text, ending) => {
    expect(replicaOf(text).endingOf(token)).toBe(ending);
  });

  it.each([
    ['another session', `s r ${OTHER}`],
    ['another token of its session', `j ${ONE} one.2`],
    ['another user', 'u 6 - bob'],
    ['what was of its user before it was issued', 'u 5 - ann'],
    ['everything of its user but this session', `u 6 ${ONE} ann`],
    ['another tenant', `t 8 ${'u'.repeat(22)}`],
    ['what was of its tenant before it was issued', `t 7 ${TENANT}`],
    ['a copy of its session’s data', `d ${ONE}`],
  ])('knows nothing against a token after the end of %s', (_what, text) => {
    expect(replicaOf(text).endingOf(token)).toBeUndefined();
  });

  it('keeps how a session ended first, and the latest epoch, in whatever order they are heard', () => {
    const replica = replicaOf(`s e ${ONE}`, `s r ${ONE}`, `u 9 ${OTHER} bob`, `u 8 ${ONE} bob`);
    expect(replica.endingOf(token)).toBe('e');
    const ofBob = { ...token, identity: 'bob', sessionId: OTHER, userEpoch: 8 };
    expect(replica.endingOf(ofBob)).toBeUndefined();
    expect(replica.endingOf({ ...ofBob, sessionId: `SZFeDX${'x'.repeat(22)}` })).toBe('r');
    expect(replica.userEpoch('bob')).toBe(9);
    expect(replica.userEpoch('ann')).toBe(0);
  });

  it('takes a session of any age, also from before this process began', () => {
    const replica = new RevocationReplica();
    for (const [n, how] of ['r', 'o', 'e', 'u'].entries())
      replica.add(parseRevocation(`s ${how} SZFeDX${'abcd'[n]!.repeat(22)}`)!, -900 + n);
    for (const [n, how] of ['r', 'o', 'e', 'u'].entries()) {
      expect(replica.endingOf({ ...token, sessionId: `SZFeDX${'abcd'[n]!.repeat(22)}` })).toBe(how);
    }
    replica.forgetBefore(-898);
    expect(replica.size).toBe(2);
  });

  it('says when it has learnt something', () => {
    const replica = new RevocationReplica();
    expect(replica.add(parseRevocation(`s r ${ONE}`)!, 1)).toBe(true);
    expect(replica.add(parseRevocation(`s o ${ONE}`)!, 2)).toBe(false);
  });

  it('forgets what ended long enough ago, of every kind', () => {
    const replica = new RevocationReplica();
    const texts = (name: string) => [`s r SZFeDX${name.repeat(22)}`, `j ${ONE} ${name}`, `u 1 - ${name}`, `t 1 ${name.repeat(22)}`];
    for (const text of texts('a')) replica.add(parseRevocation(text)!, 10);
    for (const text of texts('b')) replica.add(parseRevocation(text)!, 20);
    replica.forgetBefore(20);
    expect([...replica.texts(-Infinity)].sort()).toEqual(texts('b').sort());
    replica.forgetBefore(21);
    expect(replica.size).toBe(0);
  });

  it('holds no more than it is told to, the latest ones', () => {
    const replica = new RevocationReplica();
    const nth = (n: number) => `s r SZFeDX${String(n).padStart(22, '0')}`;
    for (let n = 0; n < 1000; n++) replica.add(parseRevocation(nth(n))!, n);
    expect(replica.forgetBeyond(1000)).toBe(false);
    expect(replica.forgetBeyond(500)).toBe(true);
    expect(replica.size).toBe(450);
    expect([...replica.texts(-Infinity)][0]).toBe(nth(550));
  });

  it('tells what it has heard since a time', () => {
    const replica = new RevocationReplica();
    replica.add(parseRevocation(`s r ${ONE}`)!, 10);
    replica.add(parseRevocation(`s o ${OTHER}`)!, 11);
    expect([...replica.texts(11)]).toEqual([`s o ${OTHER}`]);
  });
});
