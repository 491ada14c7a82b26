import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../../../lib/errors/index.js';
import { RateLimit } from '../../../lib/rate-limit/index.js';

describe('@RateLimit refuses where it stands', () => {
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['no limits', []],
    ['limit 0', { limit: 0, window: '1m' }],
    ['a window of digits', { limit: 1, window: '60' }],
    ['an unknown by', { limit: 1, window: '1m', by: 'header' }],
    ['a name that no header can hold', { limit: 1, window: '1m', name: 'a"b' }],
    ['a name with a line break', { limit: 1, window: '1m', name: 'a\r\nX: y' }],
    [
      'two of one name',
      [
        { limit: 1, window: '1m', name: 'a' },
        { limit: 2, window: '1m', name: 'a' },
      ],
    ],
    [
      'the same limit twice',
      [
        { limit: 1, window: '1m' },
        { limit: 1, window: 60 },
      ],
    ],
  ])('%s', (_what, limits) => {
    expect(() => RateLimit(limits as never)).toThrow(InvalidArgumentError);
  });

  it('nothing that is a limit', () => {
    expect(() => RateLimit({ limit: 1, window: '1m', by: () => 'x', name: 'my policy' })).not.toThrow();
    expect(() =>
      RateLimit([
        { limit: 1, window: '1m' },
        { limit: 1, window: '1m', by: 'user', name: 'user' },
      ]),
    ).not.toThrow();
  });
});
