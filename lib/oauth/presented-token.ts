import { assertObject } from '../data/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { isText } from '../options/index.js';

/** A token, and who presents it. */
export interface PresentedToken {
  token: string;
  /** Taken for the sake of the RFCs and not needed: a token tells by itself of what kind it is. */
  tokenTypeHint?: string;
  /** The client that asks, authenticated; left out, every token is anybody's. */
  clientId?: string;
}

/** No token that is issued here is longer. */
const MAX_TOKEN_BYTES = 8192;

/**
 * The token, or undefined for text that none can be: no command is needed to know.
 *
 * @throws InvalidArgumentError for what is no text or empty
 */
export function checkPresented(presented: PresentedToken): string | undefined {
  assertObject('presented', presented);
  const { token, tokenTypeHint, clientId } = presented;
  if (typeof token !== 'string' || token === '') throw new InvalidArgumentError('token', 'must be a string that is not empty');
  for (const [name, value] of Object.entries({ tokenTypeHint, clientId })) {
    if (value !== undefined && typeof value !== 'string') throw new InvalidArgumentError(name, 'must be a string');
  }
  return isText(token, MAX_TOKEN_BYTES) ? token : undefined;
}
