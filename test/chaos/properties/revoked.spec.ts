import { describe, expect, it } from 'vitest';
import { checkRevoked, ended, untouched } from '../../support/chaos/properties/revoked.js';
import type { SessionAction, SessionCall } from '../../support/chaos/history.js';
import { describeSchedule, schedule } from '../../support/chaos/schedule.js';

type Rest = Partial<Omit<SessionCall, 'on' | 'does' | 'start' | 'end'>>;

/** A call that takes 10 ms. */
function call(on: number, does: SessionAction, start: number, rest: Rest): SessionCall {
  return { on, does, start, end: start + 10, outcome: 'ok', ...rest };
}

const signIn = (session: string, start: number, rest: Rest = {}): SessionCall =>
  call(0, 'sign-in', start, { session, token: `${session}/0`, identity: 'ann', ...rest });
const verify = (on: number, session: string, start: number, rest: Rest = {}): SessionCall =>
  call(on, 'verify', start, { session, token: `${session}/0`, ...rest });

const BOUND_MS = 1_000;
const found = (...calls: SessionCall[]): string[] => checkRevoked(calls, { boundMs: BOUND_MS }).violations.map(({ what }) => what);

describe('the checker finds', () => {
  it.each(['revoke', 'log-out'] as const)('an accept that begins later than the bound after %s', (does) => {
    const history = [signIn('a', 0), call(0, does, 100, { session: 'a' })];
    expect(found(...history, verify(1, 'a', 1_110))).toEqual([]);
    expect(found(...history, verify(1, 'a', 1_111))).toEqual(['accepted late']);
    expect(found(...history, verify(1, 'a', 1_111, { outcome: 'refused: revoked' }))).toEqual([]);
    expect(found(...history, verify(1, 'a', 1_111, { outcome: 'unavailable' }))).toEqual([]);
    expect(found(...history, verify(1, 'b', 1_111))).toEqual([]);
  });

  it('any accept by the instance itself, once it has ended the session', () => {
    const history = [signIn('a', 0), call(0, 'revoke', 100, { session: 'a' })];
    expect(found(...history, verify(0, 'a', 111))).toEqual(['accepted by who ended it']);
    expect(found(...history, verify(0, 'a', 109))).toEqual([]);
  });

  it('an accept after what was not live was ended, wherever that was known', () => {
    const history = [signIn('a', 0), call(0, 'revoke', 100, { session: 'a', outcome: 'was not live' })];
    expect(found(...history, verify(0, 'a', 1_110))).toEqual([]);
    expect(found(...history, verify(0, 'a', 1_111))).toEqual(['accepted late']);
  });

  it('a renewal after the end, by whomever', () => {
    const history = [signIn('a', 0), call(0, 'revoke', 100, { session: 'a' })];
    expect(found(...history, call(1, 'refresh', 111, { session: 'a', token: 'a/1' }))).toEqual(['renewed']);
    expect(found(...history, call(1, 'refresh', 111, { session: 'a', outcome: 'refused: revoked' }))).toEqual([]);
  });

  it('an accept of each session of a user, but of the one that was spared and of later ones', () => {
    const history = [
      signIn('a', 0),
      signIn('b', 0),
      signIn('other', 0, { identity: 'bob' }),
      call(0, 'revoke-all', 100, { identity: 'ann', except: 'b' }),
      signIn('meanwhile', 105),
      signIn('c', 200),
    ];
    const accepts = ['a', 'b', 'other', 'meanwhile', 'c'].map((session) => verify(1, session, 5_000));
    expect(checkRevoked([...history, ...accepts], { boundMs: BOUND_MS }).violations).toMatchObject([
      { what: 'accepted late', call: { session: 'a' } },
    ]);
  });

  it('an accept of a session of a tenant that was revoked', () => {
    const history = [signIn('a', 0, { tenant: 'acme' }), signIn('b', 0), call(0, 'revoke-tenant', 100, { tenant: 'acme' })];
    expect(found(...history, verify(1, 'a', 5_000), verify(1, 'b', 5_000))).toEqual(['accepted late']);
  });

  it('an accept of one token that was revoked, not of the others of its session', () => {
    const history = [signIn('a', 0), call(0, 'revoke-token', 100, { session: 'a', token: 'a/0' })];
    expect(found(...history, verify(1, 'a', 5_000, { token: 'a/1' }))).toEqual([]);
    expect(found(...history, verify(1, 'a', 5_000))).toEqual(['accepted late']);
  });

  it('an accept after a refresh token was found to be used twice', () => {
    const history = [signIn('a', 0), call(0, 'refresh', 100, { session: 'a', outcome: 'refused: reused' })];
    expect(found(...history, verify(0, 'a', 1_110))).toEqual([]);
    expect(found(...history, verify(0, 'a', 1_111))).toEqual(['accepted late']);
  });

  it('a violation among 100,000 calls, wherever it stands', () => {
    const calls = Array.from({ length: 100_000 }, (_, n) => verify(n % 3, `${n % 500}`, n));
    const ends = Array.from({ length: 400 }, (_, n) => call(0, 'revoke', 200_000, { session: `${n}` }));
    expect(found(...ends, ...calls)).toEqual([]);
    expect(found(verify(2, '399', 201_011), ...ends, ...calls)).toEqual(['accepted late']);
  });
});

describe('the checker lets pass', () => {
  it('accepts after an end that nobody was told of', () => {
    expect(found(signIn('a', 0), call(0, 'revoke', 100, { session: 'a', outcome: 'unavailable' }), verify(1, 'a', 5_000))).toEqual([]);
  });

  it('within a lapse of the store: the bound counts from its end, even for a renewal', () => {
    const history = [signIn('a', 0), call(0, 'revoke', 100, { session: 'a' })];
    const promised = { boundMs: BOUND_MS, lapses: [{ from: 50, to: 3_000, loses: 'last writes' as const }] };
    const inTime = [verify(1, 'a', 4_000), call(1, 'refresh', 4_000, { session: 'a' })];
    const late = [verify(1, 'a', 4_001), call(1, 'refresh', 4_001, { session: 'a' })];
    expect(checkRevoked([...history, ...inTime], promised).violations).toEqual([]);
    expect(checkRevoked([...history, ...late], promised).violations).toHaveLength(2);
    expect(
      checkRevoked([...history, ...inTime], { boundMs: BOUND_MS, lapses: [{ from: 50, to: 3_000, loses: 'everything' }] }).violations,
    ).toHaveLength(2);
    expect(
      checkRevoked([...history, ...inTime], { boundMs: BOUND_MS, lapses: [{ from: 200, to: 3_000, loses: 'last writes' }] }).violations,
    ).toHaveLength(2);
  });
});

it('the longest lag of each ending is told, and how much there was', () => {
  const history = [signIn('a', 0), call(0, 'revoke', 100, { session: 'a' }), verify(1, 'a', 150), verify(2, 'a', 300), verify(1, 'a', 200)];
  const refused = verify(1, 'a', 400, { outcome: 'refused: revoked' });
  const verdict = checkRevoked([...history, refused], { boundMs: BOUND_MS });
  expect(verdict).toMatchObject({ endings: 1, accepts: 3, refusals: 1, lags: [{ ms: 190, accept: { on: 2 } }] });
});

describe('what has to go on and what has to be over', () => {
  const history = [
    ...['a', 'b', 'c', 'd', 'e'].map((session) => signIn(session, 0, { identity: session })),
    call(1, 'refresh', 50, { session: 'e', token: 'e/1' }),
    call(0, 'revoke', 100, { session: 'a' }),
    call(0, 'revoke-all', 100, { identity: 'b', outcome: 'unavailable' }),
    call(0, 'refresh', 100, { session: 'c', outcome: 'refused: reused' }),
    call(0, 'revoke-token', 100, { session: 'e', token: 'e/0' }),
    signIn('b2', 500, { identity: 'b' }),
    call(0, 'revoke-all', 600, { identity: 'd', except: 'd' }),
    signIn('d2', 605, { identity: 'd' }),
    signIn('d3', 700, { identity: 'd' }),
  ];

  it('tokens go on that nobody has tried to end, nor may have ended meanwhile', () => {
    expect([...untouched(history)].sort()).toEqual(['d/0', 'd3/0', 'e/1']);
  });

  it('what somebody was told has been ended is over', () => {
    expect([...ended(history)].sort()).toEqual(['a', 'c', 'e/0']);
  });
});

it('a schedule is the same for the same seed, within its length, one fault at a time on each link', () => {
  const plan = { instances: 3, lengthMs: 20_000, longestMs: 3_000, serverFaults: ['stopped', 'stream deleted'] };
  const planned = schedule({ ...plan, seed: 7 });
  expect(schedule({ ...plan, seed: 7 })).toEqual(planned);
  expect(schedule({ ...plan, seed: 8 })).not.toEqual(planned);
  expect(describeSchedule(planned).split('\n')).toHaveLength(planned.length);
  for (const where of [0, 1, 2, 'server']) {
    const there = planned.filter((fault) => fault.where === where);
    expect(there.length).toBeGreaterThan(3);
    for (const [n, { at, forMs }] of there.entries()) {
      expect(at + forMs).toBeLessThanOrEqual(20_000);
      if (n > 0) expect(at).toBeGreaterThan(there[n - 1]!.at + there[n - 1]!.forMs);
    }
  }
});
