import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { RedisAuthConfigError, StoreUnavailableError } from '../../lib/errors/index.js';

describe('the cause of an error', () => {
  const given = Object.assign(new Error("ERR unknown command 'EVALX', with args beginning with: 'a-secret' "), {
    name: 'ReplyError',
    code: 'ERR_OF_DRIVER',
    command: { name: 'evalx', args: ['a-secret'] },
  });

  it('keeps name, code and text of the driver, and no argument, neither of the command nor as Redis echoes it', () => {
    const error = new StoreUnavailableError('sessions.get', false, 1, { cause: given });
    expect(error.cause).toMatchObject({ name: 'ReplyError', code: 'ERR_OF_DRIVER', message: "ERR unknown command 'EVALX'" });
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('a-secret');
  });

  it('is left as it is where it is of this package, and left out where it is no error', () => {
    const cause = new RedisAuthConfigError([]);
    expect(new StoreUnavailableError('sessions.get', false, 1, { cause }).cause).toBe(cause);
    expect(new StoreUnavailableError('sessions.get', false, 1, { cause: 'a-secret' })).not.toHaveProperty('cause');
  });
});
