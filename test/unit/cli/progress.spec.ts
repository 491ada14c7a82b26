import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Progress } from '../../../lib/cli/progress.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

function terminal(isTTY: boolean): { stream: PassThrough & { isTTY: boolean }; text: () => string } {
  const stream = Object.assign(new PassThrough(), { isTTY });
  return { stream, text: () => String(stream.read() ?? '') };
}

describe('Progress', () => {
  it('draws a bar over itself on a terminal, ten times a second at most', () => {
    const { stream, text } = terminal(true);
    const progress = new Progress(stream);
    progress.onPosition(0.5);
    progress.show({ imported: 1 }, 1);
    expect(text()).toBe('');
    vi.advanceTimersByTime(1_000);
    progress.show({ imported: 12_345, 'left out': 1 }, 20_000);
    progress.show({ imported: 12_346 }, 20_001);
    const first = text();
    expect(first).toBe('\r[##########          ]  50 %  imported 12,345 · left out 1 · 20,000/s');
    vi.advanceTimersByTime(1_000);
    progress.onPosition(1);
    progress.show({ imported: 2 }, 2);
    progress.end();
    const second = text();
    expect(second.trimEnd()).toBe('\r[####################] 100 %  imported 2 · 1/s');
    // Nothing of the longer line is left to be seen.
    expect(second).toHaveLength(first.length + '\n'.length);
  });

  it('tells what stays on a line of its own, in place of the bar', () => {
    const { stream, text } = terminal(true);
    const progress = new Progress(stream);
    progress.say('first');
    vi.advanceTimersByTime(1_000);
    progress.show({ imported: 1 }, 1);
    progress.say('second');
    progress.say('third');
    progress.end();
    const [first, drawn, third, rest] = text().split('\n');
    expect([first, third, rest]).toEqual(['first', 'third', '']);
    const [, bar = '', second = ''] = drawn!.split('\r');
    expect(bar).toBe('imported 1 · 1/s');
    expect(second).toBe('second'.padEnd(bar.length));
  });

  it('writes a line every five seconds elsewhere, and no bar while nobody knows how far it is', () => {
    const { stream, text } = terminal(false);
    const progress = new Progress(stream);
    for (let n = 0; n < 12; n++) {
      vi.advanceTimersByTime(1_000);
      progress.show({ imported: n }, n);
    }
    progress.end();
    expect(text()).toBe('imported 4 · 1/s\nimported 9 · 1/s\n');
  });
});
