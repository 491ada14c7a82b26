import { InvalidArgumentError } from '../errors/index.js';
import { isWellFormed } from '../options/index.js';

/**
 * Checks a string that came from outside before anything else happens with it.
 *
 * @throws InvalidArgumentError unless it is a string of well-formed Unicode with 1 to `maxBytes` bytes of UTF-8
 */
export function assertText(argument: string, value: unknown, maxBytes: number): asserts value is string {
  if (typeof value !== 'string') throw new InvalidArgumentError(argument, 'must be a string');
  if (value === '') throw new InvalidArgumentError(argument, 'must not be empty');
  if (value.length > maxBytes || Buffer.byteLength(value) > maxBytes) {
    throw new InvalidArgumentError(argument, `must have at most ${maxBytes} bytes of UTF-8`);
  }
  if (!isWellFormed(value)) throw new InvalidArgumentError(argument, 'must be well-formed Unicode');
}
