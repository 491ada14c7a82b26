import { withoutArguments } from './without-arguments.js';

/** Every code an error of this package can carry; one per class, stable across releases. */
export type RedisAuthErrorCode =
  | 'ERR_REDIS_AUTH_CONFIG'
  | 'ERR_REDIS_AUTH_INVALID_ARGUMENT'
  | 'ERR_REDIS_AUTH_INVALID_TOKEN'
  | 'ERR_REDIS_AUTH_SESSION_LIMIT'
  | 'ERR_REDIS_AUTH_SESSION_CONFLICT'
  | 'ERR_REDIS_AUTH_TOKEN_EXISTS'
  | 'ERR_REDIS_AUTH_DECRYPTION'
  | 'ERR_REDIS_AUTH_LOADER_TIMEOUT'
  | 'ERR_REDIS_AUTH_LOCK_BUSY'
  | 'ERR_REDIS_AUTH_LOCK_LOST'
  | 'ERR_REDIS_AUTH_LOCK_STORE_UNAVAILABLE'
  | 'ERR_REDIS_AUTH_OAUTH_REQUEST'
  | 'ERR_REDIS_AUTH_STORE_UNAVAILABLE'
  | 'ERR_REDIS_AUTH_STORE_FULL';

/**
 * Root of every error this package throws.
 *
 * Carries a stable `code` and structured fields. A `cause` is the driver's error without its command, so
 * that neither a key, a password nor an argument can reach a log through it.
 */
export abstract class RedisAuthError extends Error {
  abstract readonly code: RedisAuthErrorCode;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options?.cause instanceof Error ? { cause: harmless(options.cause) } : undefined);
    this.name = new.target.name;
  }

  /** What may be logged or sent: the fields of the error, never its cause. */
  toJSON(): Record<string, unknown> {
    const { cause: _cause, stack: _stack, ...fields } = this as Record<string, unknown>;
    return { ...fields, name: this.name, code: this.code, message: this.message };
  }
}

/** A mistake in one option: where it is and how to mend it. */
export interface ConfigIssue {
  /** Path of the option, as in `sessions.limit`, or the environment variable's name. */
  path: string;
  /** What is wrong and what to do; never the value of a secret. */
  message: string;
}

/** The module was configured wrongly; lists every mistake found, not just the first. */
export class RedisAuthConfigError extends RedisAuthError {
  readonly code = 'ERR_REDIS_AUTH_CONFIG';

  constructor(
    readonly issues: readonly ConfigIssue[],
    options?: { cause?: unknown },
  ) {
    super(
      `invalid configuration of nestjs-redis-auth:\n${issues.map(({ path, message }) => `  - ${path}: ${message}`).join('\n')}`,
      options,
    );
  }
}

/** An argument was refused before any command was sent to Redis. */
export class InvalidArgumentError extends RedisAuthError {
  readonly code = 'ERR_REDIS_AUTH_INVALID_ARGUMENT';

  constructor(
    /** Name of the argument, as in `userId` or `init.claims`. */
    readonly argument: string,
    message: string,
  ) {
    super(`${argument} ${message}`);
  }
}

/** Why a token is refused. */
export type InvalidTokenReason = 'malformed' | 'invalid' | 'expired' | 'revoked' | 'evicted' | 'reused';

/** A presented token does not authenticate. Never thrown because Redis could not be asked. */
export class InvalidTokenError extends RedisAuthError {
  readonly code = 'ERR_REDIS_AUTH_INVALID_TOKEN';

  constructor(
    readonly reason: InvalidTokenReason,
    message = INVALID_TOKEN_MESSAGES[reason],
  ) {
    super(message);
  }
}

const INVALID_TOKEN_MESSAGES: Record<InvalidTokenReason, string> = {
  malformed: 'the token is malformed',
  invalid: 'the token is not valid here',
  expired: 'the token has expired',
  revoked: 'the session has been ended',
  evicted: 'the session has been ended by a newer sign-in',
  reused: 'the refresh token was used before; its session has been ended',
};

/** The user has as many sessions as `sessions.limit` allows and its policy is `reject`. */
export class SessionLimitError extends RedisAuthError {
  readonly code = 'ERR_REDIS_AUTH_SESSION_LIMIT';

  constructor(readonly limit: number) {
    super(`the limit of ${limit} concurrent sessions is reached; end one of them first`);
  }
}

/** `update` was given an `ifVersion` that is not the current one; read again and repeat. */
export class SessionConflictError extends RedisAuthError {
  readonly code = 'ERR_REDIS_AUTH_SESSION_CONFLICT';

  constructor(
    readonly expectedVersion: number,
    readonly currentVersion: number,
  ) {
    super(`the session data is at version ${currentVersion}, not ${expectedVersion}; read it again and repeat the update`);
  }
}

/** `create` was given a `token` that is in use by its app and type; nothing was stored. */
export class TokenExistsError extends RedisAuthError {
  readonly code = 'ERR_REDIS_AUTH_TOKEN_EXISTS';

  constructor() {
    super('the token is taken; give another, or leave it out to have one generated');
  }
}

/** What was stored cannot be decrypted: its key is not among those given, it was changed, or a hook failed. */
export class DecryptionError extends RedisAuthError {
  readonly code = 'ERR_REDIS_AUTH_DECRYPTION';

  constructor(
    /** The key it was encrypted with, where it says so. */
    readonly keyId?: string,
    options?: { cause?: unknown },
  ) {
    super(
      keyId === undefined
        ? 'a stored secret cannot be decrypted; give the key or hook it was encrypted with'
        : `a stored secret cannot be decrypted with the key '${keyId}'; keep that key in oauth.encryption.keys until nothing needs it`,
      options,
    );
  }
}

/** Why a request to an OAuth endpoint is refused, as it is told to the client (RFC 6749, section 5.2; RFC 7009, section 2.2.1). */
export type OAuthRequestErrorName = 'invalid_request' | 'invalid_grant' | 'unsupported_token_type';

/** A client asked an OAuth endpoint for something that cannot be; nothing was changed. Answered with 400. */
export class OAuthRequestError extends RedisAuthError {
  readonly code = 'ERR_REDIS_AUTH_OAUTH_REQUEST';

  constructor(
    /** As it is told to the client. */
    readonly error: OAuthRequestErrorName,
    message: string,
  ) {
    super(message);
  }
}

/** Redis could not be asked, or did not answer in time. Says nothing about the token or session in question. */
export class StoreUnavailableError extends RedisAuthError {
  readonly code = 'ERR_REDIS_AUTH_STORE_UNAVAILABLE';

  constructor(
    /** The public operation that failed, as in `sessions.refresh`. */
    readonly operation: string,
    /** True where the command may have been executed although no reply came; repeating it is safe. */
    readonly ambiguous: boolean,
    /** Whole seconds after which a repeat is worth while. */
    readonly retryAfter: number,
    options?: { cause?: unknown },
  ) {
    super(
      ambiguous
        ? `${operation}: Redis did not answer in time; the operation may have taken effect, repeat it`
        : `${operation}: Redis is not available; nothing was changed, try again later`,
      options,
    );
  }
}

/** Redis is out of memory: the write was refused as a whole, nothing is half-written. */
export class StoreFullError extends RedisAuthError {
  readonly code = 'ERR_REDIS_AUTH_STORE_FULL';

  constructor(
    readonly operation: string,
    /** Whole seconds after which a repeat is worth while. */
    readonly retryAfter: number,
    options?: { cause?: unknown },
  ) {
    super(`${operation}: Redis is out of memory (maxmemory); free memory or raise the limit`, options);
  }
}

function harmless(cause: Error): Error {
  return cause instanceof RedisAuthError ? cause : withoutArguments(cause);
}
