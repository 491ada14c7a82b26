import { assertObject, assertText } from '../data/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import type { AccessToken, ClientCredentials, PKCEValues } from './oauth-types.js';

const MAX_USER_ID_BYTES = 256;
const MAX_KEY_BYTES = 1024;
const MAX_URL_BYTES = 8192;
const MAX_SECRET_BYTES = 16_384;
/** Later than any Unix time in seconds that is meant, and before any in milliseconds: 1973. */
const LARGEST_SECONDS = 1e11;
const LATEST_MS = 8.64e15;

export function checkUserId(userId: unknown): string {
  assertText('userId', userId, MAX_USER_ID_BYTES);
  return userId;
}

export function checkState(state: unknown): string {
  assertText('state', state, MAX_URL_BYTES);
  return state;
}

export function checkUrl(argument: string, url: unknown): string {
  return checkMaybeEmpty(argument, url, MAX_URL_BYTES);
}

export function checkKey(key: unknown): string {
  assertText('key', key, MAX_KEY_BYTES);
  return key;
}

export function checkToken(token: unknown): string {
  assertText('token', token, MAX_SECRET_BYTES);
  return token;
}

export function checkClientCredentials(credentials: unknown): ClientCredentials {
  assertObject('credentials', credentials);
  const { clientId, clientSecret, redirectUri } = credentials;
  assertText('credentials.clientId', clientId, MAX_SECRET_BYTES);
  return {
    clientId,
    clientSecret: checkMaybeEmpty('credentials.clientSecret', clientSecret, MAX_SECRET_BYTES),
    redirectUri: checkUrl('credentials.redirectUri', redirectUri),
  };
}

export function checkPKCEValues(values: unknown): PKCEValues {
  assertObject('values', values);
  const { codeVerifier, codeChallenge, resourceUrl, url } = values;
  assertText('values.codeVerifier', codeVerifier, MAX_SECRET_BYTES);
  return {
    codeVerifier,
    codeChallenge: checkMaybeEmpty('values.codeChallenge', codeChallenge, MAX_SECRET_BYTES),
    resourceUrl: checkUrl('values.resourceUrl', resourceUrl),
    url: checkUrl('values.url', url),
  };
}

export function checkAccessToken(token: unknown): AccessToken {
  assertObject('token', token);
  const { accessToken, refreshToken, expiresAt, resourceUrl } = token;
  assertText('token.accessToken', accessToken, MAX_SECRET_BYTES);
  return {
    accessToken,
    ...(refreshToken !== undefined && { refreshToken: checkMaybeEmpty('token.refreshToken', refreshToken, MAX_SECRET_BYTES) }),
    ...(expiresAt !== undefined && { expiresAt: checkUnixTime('token.expiresAt', expiresAt) }),
    resourceUrl: checkUrl('token.resourceUrl', resourceUrl),
  };
}

/** Unix time in milliseconds, of one in seconds or milliseconds. */
export function toMs(unixTime: number): number {
  return Math.floor(unixTime > LARGEST_SECONDS ? unixTime : unixTime * 1000);
}

export function checkExpiry(expiresAt: unknown): Date | undefined {
  if (expiresAt === undefined || (expiresAt instanceof Date && !Number.isNaN(expiresAt.getTime()))) return expiresAt;
  throw new InvalidArgumentError('expiresAt', 'must be a valid Date');
}

function checkUnixTime(argument: string, value: unknown): number {
  if (typeof value === 'number' && Math.abs(toMs(value)) <= LATEST_MS) return value;
  throw new InvalidArgumentError(argument, 'must be a Unix time in seconds');
}

function checkMaybeEmpty(argument: string, value: unknown, maxBytes: number): string {
  if (value === '') return value;
  assertText(argument, value, maxBytes);
  return value;
}
