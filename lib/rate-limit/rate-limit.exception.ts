import { HttpException } from '@nestjs/common';
import type { RateLimitResult } from './rate-limit-types.js';

const TYPE = 'https://iana.org/assignments/http-problem-types#quota-exceeded';
const TITLE = 'Too many requests: the quota has been exceeded';

/** A request over its limit: 429 with a problem of the type `quota-exceeded` (draft-ietf-httpapi-ratelimit-headers-10, RFC 9457). */
export class RateLimitException extends HttpException {
  constructor(
    readonly result: RateLimitResult,
    /** Names of the limits that said no. */
    readonly violatedPolicies: readonly string[],
  ) {
    const detail = `try again in ${result.retryAfter} s`;
    // `statusCode` and `message` stand in every refusal of this package and of Nest.
    super({ type: TYPE, title: TITLE, status: 429, detail, 'violated-policies': violatedPolicies, statusCode: 429, message: TITLE }, 429);
  }
}
