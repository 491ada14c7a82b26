import { RedisAuthError, StoreFullError, StoreUnavailableError, withoutArguments } from '../errors/index.js';

/** Whole seconds after which a repeat is worth while: reconnecting is tried about twice a second. */
const RETRY_AFTER = 1;

const NEVER_SENT = /enableOfflineQueue options is false|None of startup nodes is available|Connection in subscriber mode/;
const REDIRECTED_IN_CIRCLES = /^Too many Cluster redirections/;
const OUT_OF_MEMORY = /OOM command not allowed/;
const REFUSED = /^(NOPERM|NOAUTH|WRONGPASS)\b/;
/** How Redis 7.0 words a NOPERM within a script. */
const REFUSED_WITHIN_SCRIPT = /^ERR The user executing the script can't /;
/** The name of the running script, which Redis puts behind what goes wrong inside of it. */
const WITHIN_SCRIPT = /\bscript: \w+, on @|@user_(script|function)\b/;
/** Redis asks these before the first write of a script and then no more. */
const BEFORE_FIRST_WRITE = /^(OOM|READONLY|MISCONF|NOREPLICAS)\b/;

/**
 * What a public call rejects with. Errors of this package pass through, and so do programming errors; the
 * driver's become StoreFullError or StoreUnavailableError, ambiguous unless it is certain that nothing was executed.
 */
export function toStoreError(operation: string, error: unknown, sent: boolean): unknown {
  if (error instanceof RedisAuthError || error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError)
    return error;
  const cause = withoutArguments(error);
  if (OUT_OF_MEMORY.test(cause.message)) return new StoreFullError(operation, RETRY_AFTER, { cause });
  return storeUnavailable(operation, sent && !wasRefused(cause), cause);
}

/** For what failed after another command of the same call may have taken effect. */
export function inDoubt(operation: string, error: unknown): unknown {
  return error instanceof RedisAuthError ? error : storeUnavailable(operation, true, withoutArguments(error));
}

export function storeUnavailable(operation: string, ambiguous: boolean, cause: Error): StoreUnavailableError {
  return new StoreUnavailableError(operation, ambiguous, RETRY_AFTER, { cause });
}

/** The code of a reply by which Redis does not let us do something at all; undefined for every other error. */
export function refusalCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined;
  return REFUSED_WITHIN_SCRIPT.test(error.message) ? 'NOPERM' : REFUSED.exec(error.message)?.[1];
}

/** An error reply means that the command was not executed; what a script wrote before its error stays written. */
function wasRefused({ name, message }: Error): boolean {
  if (name === 'ReplyError') return !WITHIN_SCRIPT.test(message) || BEFORE_FIRST_WRITE.test(message);
  return NEVER_SENT.test(message) || REDIRECTED_IN_CIRCLES.test(message);
}
