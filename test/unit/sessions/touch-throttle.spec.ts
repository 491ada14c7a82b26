import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TouchThrottle } from '../../../lib/sessions/touch-throttle.js';

describe('TouchThrottle', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('lets one touch of a session through per interval', () => {
    const throttle = new TouchThrottle(1000);
    expect([throttle.take('a'), throttle.take('a')]).toEqual([true, false]);
    vi.advanceTimersByTime(999);
    expect(throttle.take('a')).toBe(false);
    vi.advanceTimersByTime(1);
    expect([throttle.take('a'), throttle.take('a')]).toEqual([true, false]);
  });

  it('counts from the touch that went through, not from those that did not', () => {
    const throttle = new TouchThrottle(1000);
    throttle.take('a');
    for (let n = 0; n < 9; n++) {
      vi.advanceTimersByTime(100);
      throttle.take('a');
    }
    vi.advanceTimersByTime(100);
    expect(throttle.take('a')).toBe(true);
  });

  it('keeps sessions apart', () => {
    const throttle = new TouchThrottle(1000);
    throttle.take('a');
    expect([throttle.take('b'), throttle.take('__proto__'), throttle.take('a')]).toEqual([true, true, false]);
  });

  it('lets a touch through again that did not take place', () => {
    const throttle = new TouchThrottle(1000);
    throttle.take('a');
    throttle.release('a');
    expect(throttle.take('a')).toBe(true);
  });

  it('lets everything through with an interval of 0', () => {
    const throttle = new TouchThrottle(0);
    expect([throttle.take('a'), throttle.take('a')]).toEqual([true, true]);
  });

  it('remembers a bounded number of sessions, and forgets the one touched longest ago', () => {
    const throttle = new TouchThrottle(1000);
    throttle.take('first');
    throttle.take('second');
    vi.advanceTimersByTime(1000);
    throttle.take('first');
    for (let n = 0; n < 9_999; n++) throttle.take(`s${n}`);
    expect(throttle.take('first')).toBe(false);
    throttle.take('one more');
    expect(throttle.take('first')).toBe(true);
  });
});
