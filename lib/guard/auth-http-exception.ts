import { STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';

/** Why a request is not let through; the closed list of `reason` in the body of a 401 or 403. */
export type AuthFailureReason =
  'missing' | 'malformed' | 'invalid' | 'expired' | 'revoked' | 'evicted' | 'reauthentication_required' | 'insufficient_scope' | 'csrf';

/** Apollo's names where it has some. */
const GRAPHQL_CODES: Readonly<Record<number, string>> = { 401: 'UNAUTHENTICATED' };

/** An answer of the guard or the exception filter: `{ statusCode, message, error, reason }` and the headers that belong to it. */
export class AuthHttpException extends HttpException {
  constructor(
    status: number,
    message: string,
    /** Only where authentication or authorization failed. */
    readonly reason?: AuthFailureReason,
    /** To be set on the response besides. */
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super({ statusCode: status, message, error: STATUS_CODES[status], ...(reason === undefined ? {} : { reason }) }, status);
  }

  /** What a GraphQL client is told besides the message, in the form that the Apollo driver gives to an HttpException over HTTP. */
  get extensions(): { code: string; originalError: unknown } {
    const status = this.getStatus();
    const code = GRAPHQL_CODES[status] ?? String(STATUS_CODES[status]).toUpperCase().replaceAll(' ', '_');
    return { code, originalError: this.getResponse() };
  }
}

const UNAUTHORIZED_MESSAGES = {
  missing: 'no access token was given',
  malformed: 'the token is malformed',
  invalid: 'the token is not valid',
  expired: 'the token has expired',
  revoked: 'the session has been ended',
  evicted: 'the session has been ended by a newer sign-in',
} as const;

/** RFC 6750, section 3: a request without credentials is told no error code. */
export function unauthorized(reason: keyof typeof UNAUTHORIZED_MESSAGES): AuthHttpException {
  const message = UNAUTHORIZED_MESSAGES[reason];
  const challenge = reason === 'missing' ? 'Bearer' : `Bearer error="invalid_token", error_description="${message}"`;
  return new AuthHttpException(401, message, reason, { 'WWW-Authenticate': challenge });
}

/** RFC 9470: the token is good, but the user has to authenticate again. */
export function reauthenticationRequired(maxAgeMs: number): AuthHttpException {
  const message = 'a more recent authentication is required';
  const challenge = `Bearer error="insufficient_user_authentication", error_description="${message}", max_age="${Math.floor(maxAgeMs / 1000)}"`;
  return new AuthHttpException(401, message, 'reauthentication_required', { 'WWW-Authenticate': challenge });
}

/** RFC 6750, section 3.1. */
export function insufficientScope(required: readonly string[]): AuthHttpException {
  const message = 'the access token lacks a required scope';
  const challenge = `Bearer error="insufficient_scope", error_description="${message}", scope="${required.join(' ')}"`;
  return new AuthHttpException(403, message, 'insufficient_scope', { 'WWW-Authenticate': challenge });
}

export function crossSiteRequest(): AuthHttpException {
  return new AuthHttpException(403, 'a request authenticated by cookie must come from this site', 'csrf');
}

export function unavailable(retryAfter: number): AuthHttpException {
  return new AuthHttpException(503, 'the session store is not available, try again later', undefined, {
    'Retry-After': String(retryAfter),
  });
}
