import { beforeEach, describe, expect, it } from 'vitest';
import { LocalTier } from '../../../lib/cache/local-tier.js';

let tier: LocalTier;
beforeEach(() => {
  tier = new LocalTier(100_000);
});

const get = (name: string, now = performance.now()): unknown => tier.get(name, now);

function keep(name: string, value: unknown, dependsOn: string[] = [], during: () => void = () => undefined): void {
  const reading = tier.begin(name);
  during();
  tier.keep(name, reading, value, 10, 1_000, dependsOn);
}

describe('the tier of a process', () => {
  it('keeps what was read, for as long as it is fresh, counted from before it was asked for', () => {
    const reading = tier.begin('key');
    tier.keep('key', reading, 'value', 10, 1_000, []);
    expect(get('key')).toBe('value');
    expect(get('key', reading.sentAt + 999)).toBe('value');
    expect(get('key', reading.sentAt + 1_000)).toBeUndefined();
    expect(get('key')).toBeUndefined();
  });

  it('does not keep a reply that comes after its invalidation', () => {
    keep('key', 'old', [], () => tier.forget('key'));
    expect(get('key')).toBeUndefined();
    keep('key', 'old', ['version'], () => tier.forgetVersion('version'));
    expect(get('key')).toBeUndefined();
    keep('key', 'old', [], () => tier.clear());
    expect(get('key')).toBeUndefined();
    keep('key', 'new', ['version']);
    expect(get('key')).toBe('new');
  });

  it('nor that of whoever read along with it, but that of who began afterwards', () => {
    const first = tier.begin('key');
    const along = tier.begin('key');
    tier.forget('key');
    const afterwards = tier.begin('key');
    tier.keep('key', first, 'old', 10, 1_000, []);
    tier.keep('key', afterwards, 'new', 10, 1_000, []);
    tier.keep('key', along, 'old', 10, 1_000, []);
    expect(get('key')).toBe('new');
  });

  it('ends all that depends on a version, and nothing else', () => {
    keep('a', 1, ['x']);
    keep('b', 2, ['x', 'y']);
    keep('c', 3, ['y']);
    tier.forgetVersion('x');
    expect([get('a'), get('b'), get('c')]).toEqual([undefined, undefined, 3]);
    keep('a', 4, ['x']);
    expect(get('a')).toBe(4);
  });

  it('counts objects for what they take', () => {
    for (let n = 0; n < 1_000; n++) {
      const reading = tier.begin(`key-${n}`);
      tier.keep(`key-${n}`, reading, { list: [n] }, 1_000, 1_000, []);
    }
    expect(tier.size).toBeGreaterThan(10);
    expect(tier.size).toBeLessThanOrEqual(25);
  });

  it('of no bytes is none', () => {
    tier = new LocalTier(0);
    keep('key', 'value');
    expect(get('key')).toBeUndefined();
    expect(tier.isOn).toBe(false);
  });
});
