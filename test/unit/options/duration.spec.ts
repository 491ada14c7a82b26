import { describe, expect, it } from 'vitest';
import { parseDuration, resolveOptions } from '../../../lib/options/index.js';
import { configError, SECRET } from './options-fixture.js';

describe('parseDuration', () => {
  it.each([
    ['500 ms', 500],
    ['1ms', 1],
    ['50 seconds', 50_000],
    ['10 minutes', 600_000],
    ['15 minutes', 900_000],
    ['15m', 900_000],
    ['1.5h', 5_400_000],
    ['5 hours', 18_000_000],
    ['3 days', 259_200_000],
    ['2w', 1_209_600_000],
    ['1 year', 31_536_000_000],
    ['1 Day', 86_400_000],
    [' 7d ', 604_800_000],
    [90, 90_000],
    [0.25, 250],
    [0, 0],
  ])('J3 reads %j as %d ms', (duration, ms) => {
    expect(parseDuration(duration)).toBe(ms);
  });

  it.each(['15', '', ' ', 'm', '15 parsecs', '-5m', '5m 3s', '1e3s', '0x10s', '101 years', '٣ days', NaN, Infinity, -1, 4e9])(
    'refuses %j',
    (duration) => {
      expect(parseDuration(duration)).toBeUndefined();
    },
  );

  it.each([null, {}, [], true, Symbol('5m'), () => '5m'])('refuses what is neither number nor string: %o', (value) => {
    expect(parseDuration(value as never)).toBeUndefined();
  });
});

describe('durations among the options', () => {
  it.each(['15', '5 parsecs', -1, NaN, Infinity, '-5m', {}, '101 years', 0, '0s', '0.2 ms'])(
    'S8 refuses accessTokenTtl %j before anything is stored',
    (ttl) => {
      const error = configError({ jwt: { secret: SECRET, issuer: 'i', audience: 'a' }, sessions: { accessTokenTtl: ttl as never } });
      expect(error.issues).toEqual([{ path: 'sessions.accessTokenTtl', message: expect.stringMatching(/must be/) as string }]);
    },
  );

  it('takes zero where zero means "none"', () => {
    const { sessions, jwt } = resolveOptions({
      jwt: { secret: SECRET, issuer: 'i', audience: 'a', clockTolerance: 0 },
      sessions: { refreshLeeway: 0, touchInterval: '0s' },
    });
    expect([sessions.refreshLeewayMs, sessions.touchIntervalMs, jwt.clockToleranceMs]).toEqual([0, 0, 0]);
  });

  it('lets an idle timeout be longer than the absolute one, which wins anyway', () => {
    const { sessions } = resolveOptions({
      jwt: { secret: SECRET, issuer: 'i', audience: 'a' },
      sessions: { idleTimeout: '60d', absoluteTimeout: '1d' },
    });
    expect(sessions.idleTimeoutMs).toBeGreaterThan(sessions.absoluteTimeoutMs);
  });
});
