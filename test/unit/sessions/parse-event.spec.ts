import { describe, expect, it } from 'vitest';
import { encodeIdentity } from '../../../lib/redis/index.js';
import { parseEvent } from '../../../lib/sessions/session-events.js';

const SESSION = 'Ab3_-9abcdefghijklmnopqrstuv';

describe('parseEvent', () => {
  it.each(['created', 'refreshed', 'evicted', 'expired'])('reads %s: who, which and when', (type) => {
    expect(parseEvent(`${type} ${SESSION} ann 1700000000123 - - `)).toEqual({
      type,
      sessionId: SESSION,
      userId: 'ann',
      at: new Date(1_700_000_000_123),
    });
  });

  it.each(['logout', 'two words', ' blanks  at  ends ', 'a\nline', '{"json": true}', '- - -', '🙂', '%zz'])(
    'reads the reason %j as it was',
    (reason) => {
      expect(parseEvent(`revoked ${SESSION} ann 1 - - ${reason}`)).toMatchObject({ type: 'revoked', reason });
    },
  );

  it.each([
    [{ userId: 'a b:c%20' }],
    [{ userId: 'ann', tenant: 'acme:north' }],
    [{ userId: '-', tenant: '\n' }],
    [{ userId: '🙂', tenant: '__proto__' }],
  ])('reads the identity %j', (identity) => {
    const event = parseEvent(`created ${SESSION} ${encodeIdentity(identity)} 1 - - `)!;
    expect(event).toMatchObject(identity);
    expect('tenant' in event).toBe('tenant' in identity);
  });

  it('reads both generations of a reuse', () => {
    expect(parseEvent(`reuse-detected ${SESSION} ann 1 3 7 `)).toMatchObject({ generation: { presented: 3, current: 7 } });
    expect(parseEvent(`revoked ${SESSION} ann 1 - - `)).not.toHaveProperty('generation');
  });

  it.each([
    '',
    'created',
    `created ${SESSION}`,
    `created ${SESSION} ann`,
    `created ${SESSION} ann soon - - `,
    `created ${SESSION} ann 1`,
    `created not-a-session ann 1 - - `,
    `created ${SESSION} %E0%A4%A 1 - - `,
    `deleted ${SESSION} ann 1 - - `,
    `constructor ${SESSION} ann 1 - - `,
    '{"type":"created"}',
  ])('takes %j, which is no event of ours, for nothing', (message) => {
    expect(parseEvent(message)).toBeUndefined();
  });
});
