import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TouchThrottle } from '../../../lib/sessions/touch-throttle.js';

/** Whether a touch went through. */
async function goesThrough(throttle: TouchThrottle, sessionId: string, takesPlace = true): Promise<boolean> {
  let through = false;
  await throttle.touch(sessionId, async () => {
    through = true;
    return Promise.resolve(takesPlace);
  });
  return through;
}

describe('TouchThrottle', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('lets one touch of a session through per interval', async () => {
    const throttle = new TouchThrottle(1000);
    expect([await goesThrough(throttle, 'a'), await goesThrough(throttle, 'a')]).toEqual([true, false]);
    vi.advanceTimersByTime(999);
    expect(await goesThrough(throttle, 'a')).toBe(false);
    vi.advanceTimersByTime(1);
    expect([await goesThrough(throttle, 'a'), await goesThrough(throttle, 'a')]).toEqual([true, false]);
  });

  it('counts from the touch that went through, not from those that did not', async () => {
    const throttle = new TouchThrottle(1000);
    await goesThrough(throttle, 'a');
    for (let n = 0; n < 9; n++) {
      vi.advanceTimersByTime(100);
      await goesThrough(throttle, 'a');
    }
    vi.advanceTimersByTime(100);
    expect(await goesThrough(throttle, 'a')).toBe(true);
  });

  it('keeps sessions apart', async () => {
    const throttle = new TouchThrottle(1000);
    await goesThrough(throttle, 'a');
    expect([await goesThrough(throttle, 'b'), await goesThrough(throttle, '__proto__'), await goesThrough(throttle, 'a')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('lets a touch through again that did not take place', async () => {
    const throttle = new TouchThrottle(1000);
    await goesThrough(throttle, 'a', false);
    await expect(throttle.touch('a', () => Promise.reject(new Error('lost')))).rejects.toThrow('lost');
    expect(await goesThrough(throttle, 'a')).toBe(true);
  });

  it('lets everything through with an interval of 0', async () => {
    const throttle = new TouchThrottle(0);
    expect([await goesThrough(throttle, 'a'), await goesThrough(throttle, 'a')]).toEqual([true, true]);
  });

  it('remembers a bounded number of sessions, and forgets the one touched longest ago', async () => {
    const throttle = new TouchThrottle(1000);
    await goesThrough(throttle, 'first');
    await goesThrough(throttle, 'second');
    vi.advanceTimersByTime(1000);
    await goesThrough(throttle, 'first');
    for (let n = 0; n < 9_999; n++) await goesThrough(throttle, `s${n}`);
    expect(await goesThrough(throttle, 'first')).toBe(false);
    await goesThrough(throttle, 'one more');
    expect(await goesThrough(throttle, 'first')).toBe(true);
  });
});
