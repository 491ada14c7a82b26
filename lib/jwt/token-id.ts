import { hash } from 'node:crypto';
import { randomText } from '../data/index.js';

/** Under what an access token was issued, all by the server's clock or counters. */
export interface TokenOrigin {
  /** Of its user; raised by whatever ends all sessions of the user. */
  readonly userEpoch: number;
  /** Of its tenant; 0 without one. */
  readonly tenantEpoch: number;
  /** Unix ms. */
  readonly issuedMs: number;
}

/** Where it is not known: earlier than everything. */
export const NO_ORIGIN: TokenOrigin = { userEpoch: 0, tenantEpoch: 0, issuedMs: 0 };

const RANDOM_LENGTH = 22;
const STAMP_LENGTH = 10;
const FORM = /^[\w-]{22}\.[0-9a-z]{1,11}\.[0-9a-z]{1,11}\.[0-9a-z]{1,11}\.[\w-]{10}$/;

/**
 * A new `jti`: 128 random bits; what a verifier has to know to tell without Redis whether the token was issued before
 * everything of its user or tenant was ended; and a stamp that binds this to the session and to the data set that has it.
 */
export function newTokenId(sessionId: string, { userEpoch, tenantEpoch, issuedMs }: TokenOrigin, dataset: string): string {
  const body = `${randomText(16)}.${userEpoch.toString(36)}.${tenantEpoch.toString(36)}.${issuedMs.toString(36)}`;
  return `${body}.${stampOf(body, sessionId, dataset)}`;
}

/** Of a `jti` that is none of ours, nothing is known. */
export function originOf(tokenId: string): TokenOrigin {
  if (!FORM.test(tokenId)) return NO_ORIGIN;
  const second = tokenId.indexOf('.', RANDOM_LENGTH + 1);
  const third = tokenId.indexOf('.', second + 1);
  return {
    userEpoch: parseInt(tokenId.slice(RANDOM_LENGTH + 1, second), 36),
    tenantEpoch: parseInt(tokenId.slice(second + 1, third), 36),
    issuedMs: parseInt(tokenId.slice(third + 1, -STAMP_LENGTH - 1), 36),
  };
}

/** Whether the id was made for that session, in that data set. No proof against who holds the signing key, who needs none. */
export function isStamped(tokenId: string, sessionId: string, dataset: string): boolean {
  const body = tokenId.slice(0, -STAMP_LENGTH - 1);
  return tokenId.endsWith(stampOf(body, sessionId, dataset));
}

function stampOf(body: string, sessionId: string, dataset: string): string {
  return hash('sha256', `${dataset} ${sessionId} ${body}`, 'base64url').slice(0, STAMP_LENGTH);
}
