import { describe, expect, it } from 'vitest';
import { until } from '../support/until.js';

describe('until', () => {
  it('returns the first truthy answer', async () => {
    let asked = 0;
    expect(await until(() => (asked++ < 3 ? 0 : 'yes'))).toBe('yes');
    expect(asked).toBe(4);
  });

  it('takes an exception for a no', async () => {
    let asked = 0;
    const answer = await until(() => {
      if (asked++ < 2) throw new Error('not yet');
      return 1;
    });
    expect(answer).toBe(1);
  });

  it('says what it waited for and what it saw', async () => {
    await expect(until(() => false, { within: 30, what: 'the moon' })).rejects.toThrow(
      'not within 30 ms: the moon; the last answer was false',
    );
    await expect(until(() => Promise.reject(new Error('why')), { within: 30 })).rejects.toThrow('why');
  });

  it('does not wait for a condition that hangs', async () => {
    const before = performance.now();
    await expect(until(() => new Promise<boolean>(() => undefined), { within: 50 })).rejects.toThrow('it never answered');
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  it('asks again where the process stood still for all of the time', async () => {
    let asked = 0;
    const standsStill = (): void => {
      const end = performance.now() + 60;
      while (performance.now() < end);
    };
    const answer = await until(() => (asked++ === 0 ? standsStill() : 'yes'), { within: 30 });
    expect(answer).toBe('yes');
  });
});
