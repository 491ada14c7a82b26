import { afterEach, describe, expect, it, vi } from 'vitest';
import { TokenMemory } from '../../../lib/jwt/index.js';

afterEach(() => vi.useRealTimers());

describe('TokenMemory', () => {
  it('knows a token by its exact text', () => {
    const memory = new TokenMemory<number>();
    memory.remember('a.b.cQ', 1);
    expect([memory.get('a.b.cQ'), memory.get('a.b.cR'), memory.get('a.b.cQ=')]).toEqual([1, undefined, undefined]);
    memory.forget('a.b.cQ');
    expect(memory.get('a.b.cQ')).toBeUndefined();
  });

  it('does not take a token for another with the same end, however long ago that was remembered', () => {
    const memory = new TokenMemory<number>();
    const [known, forged] = [`genuine.${'s'.repeat(43)}`, `forged.${'s'.repeat(43)}`];
    memory.remember(known, 1);
    for (const isOld of [false, true]) {
      if (isOld) for (let n = 0; n < 16_384; n++) memory.remember(`token-${n}`, n);
      expect(memory.get(forged)).toBeUndefined();
      memory.forget(forged);
    }
    expect(memory.get(known)).toBe(1);
    memory.remember(forged, 2);
    expect([memory.get(known), memory.get(forged)]).toEqual([1, undefined]);
  });

  it('holds at most 32,768, and keeps those that are asked for', () => {
    const memory = new TokenMemory<number>();
    memory.remember('kept', -1);
    for (let n = 0; n < 100_000; n++) {
      memory.remember(`token-${n}`, n);
      if (n % 10_000 === 0) expect(memory.get('kept')).toBe(-1);
    }
    expect(memory.size).toBeLessThanOrEqual(32_768);
    expect(memory.get('token-99999')).toBe(99_999);
    expect(memory.get('token-0')).toBeUndefined();
  });

  it('holds at most 16 MiB of text', () => {
    const memory = new TokenMemory<number>();
    for (let n = 0; n < 5_000; n++) memory.remember(`${'x'.repeat(8_000)}-${n}`, n);
    expect(memory.size).toBeLessThanOrEqual((16 * 1024 * 1024) / 8_000);
    expect(memory.size).toBeGreaterThan(1_000);
  });

  it('forgets within ten minutes what nobody asks for, and keeps what is asked for', () => {
    vi.useFakeTimers();
    const memory = new TokenMemory<number>();
    memory.remember('kept', 1);
    for (let n = 0; n < 1_000; n++) memory.remember(`gone-${n}`, n);
    for (let minute = 1; minute <= 10; minute++) {
      vi.advanceTimersByTime(60_000);
      expect(memory.get('kept')).toBe(1);
      memory.remember(`of minute ${minute}`, minute);
    }
    expect(memory.size).toBeLessThan(12);
    expect(memory.get('gone-0')).toBeUndefined();
  });

  it('tells a second sight from a first one, for 10,000 tokens in turn', () => {
    const memory = new TokenMemory<number>();
    const tokens = Array.from({ length: 10_000 }, () => `x.${crypto.randomUUID()}`);
    const first = tokens.filter((token) => memory.sight(token)).length;
    const second = tokens.filter((token) => memory.sight(token)).length;
    expect(first).toBeLessThan(50);
    expect(second).toBeGreaterThan(9_900);
  });

  it('does not tell texts shorter than a signature’s end apart wrongly', () => {
    const memory = new TokenMemory<number>();
    expect([memory.sight(''), memory.sight('a'), memory.sight('b'), memory.sight('a')]).toEqual([false, false, false, true]);
  });
});
