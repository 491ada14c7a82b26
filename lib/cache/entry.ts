/** Length of a token: 128 random bits as base64url. */
const TOKEN_END = 22;
const LEASE_END = 35;
const HEAD_END = 48;
const FAILED = '!';
const FILLED = '.';
const NO_LEASE = '0'.repeat(LEASE_END - TOKEN_END);

/** How long a lease stands that nobody renews: what the death of whoever loads costs those who wait. */
export const LEASE_MS = 2_000;

/**
 * An entry as it lies in Redis: the token of whoever wrote it or loads it now, until when that lease lasts, until when
 * the value is fresh (both in ms of the server's clock, 13 digits), then `<versions>;<tags>\n<value>`. The place that is
 * kept for a first value ends with its head.
 */
export interface Entry {
  readonly token: string;
  /** Of who is loading it; not positive where nobody is. */
  readonly leaseLeftMs: number;
  readonly freshLeftMs: number;
  /** With a comma between them. */
  readonly versions: string;
  /** Escaped, with a comma between them. */
  readonly tags: string;
  /** As it was encoded; undefined while there is none yet. */
  readonly value: string | undefined;
}

export function readEntry(text: string, nowMs: number): Entry {
  const token = text.slice(0, TOKEN_END);
  const leaseLeft = Number(text.slice(TOKEN_END, LEASE_END)) - nowMs;
  // nobody gave one for that long: the clock was set back, or the text is not ours
  const leaseLeftMs = leaseLeft > 2 * LEASE_MS ? 0 : leaseLeft;
  const freshLeftMs = Number(text.slice(LEASE_END, HEAD_END)) - nowMs;
  const end = text.indexOf('\n', HEAD_END);
  if (end < 0) return { token, leaseLeftMs, freshLeftMs, versions: '', tags: '', value: undefined };
  const middle = text.indexOf(';', HEAD_END);
  return {
    token,
    leaseLeftMs,
    freshLeftMs,
    versions: text.slice(HEAD_END, middle),
    tags: text.slice(middle + 1, end),
    value: text.slice(end + 1),
  };
}

/** An entry without tags that nobody loads, as the script writes it too. */
export function entryText(entry: { token: string; freshUntilMs: number; versions: string; value: string }): string {
  return `${entry.token}${NO_LEASE}${entry.freshUntilMs}${entry.versions};\n${entry.value}`;
}

/**
 * In place of the token of one who has loaded: another than that of the lease, so that who saw the lease stand does not
 * find it just over and load once more.
 */
export function fillMark(token: string): string {
  return FILLED + token.slice(1);
}

/** In place of the token of one whose loading failed, which nobody waits for. */
export function failureMark(token: string): string {
  return FAILED + token.slice(1);
}

/** Whether loading it failed a moment ago, and is not to be tried again yet. */
export function hasJustFailed({ token, leaseLeftMs }: Pick<Entry, 'token' | 'leaseLeftMs'>): boolean {
  return token.startsWith(FAILED) && leaseLeftMs > 0;
}
