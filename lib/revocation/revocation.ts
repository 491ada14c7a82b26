/** How a session ended: revoked, logged out, evicted by a newer sign-in, a refresh token of it was used twice. */
export type Ending = 'r' | 'o' | 'e' | 'u';

/**
 * One thing that the feed tells, as text:
 *
 * | text                              | what it ends                                                                     |
 * |-----------------------------------|----------------------------------------------------------------------------------|
 * | `s <how> <session id>`            | one session                                                                      |
 * | `u <epoch> <except> <identity>`   | what a user's tokens of an earlier epoch are of, but one session (`-` for none)  |
 * | `t <epoch> <tenant hash>`         | the same for a tenant                                                            |
 * | `j <session id> <token id>`       | one access token                                                                 |
 * | `d <session id>`                  | copies of a session's private data                                               |
 */
export type Revocation =
  | { readonly kind: 's'; readonly how: Ending; readonly sessionId: string }
  | { readonly kind: 'u'; readonly epoch: number; readonly except: string; readonly identity: string }
  | { readonly kind: 't'; readonly epoch: number; readonly tenantHash: string }
  | { readonly kind: 'j'; readonly sessionId: string; readonly tokenId: string }
  | { readonly kind: 'd'; readonly sessionId: string };

const FORM =
  /^(?:s (?<how>[roeu]) (?<session>[\w-]{28,50})|u (?<userEpoch>\d{1,16}) (?<except>-|[\w-]{28,50}) (?<identity>\S+)|t (?<tenantEpoch>\d{1,16}) (?<tenant>[\w-]{22})|j (?<tokenSession>[\w-]{28,50}) (?<token>\S+)|d (?<data>[\w-]{28,50}))$/;

/** Undefined for anything else, since others may write there too. */
export function parseRevocation(text: string): Revocation | undefined {
  const found = FORM.exec(text)?.groups;
  if (found === undefined) return undefined;
  if (found['session'] !== undefined) return { kind: 's', how: found['how'] as Ending, sessionId: found['session'] };
  if (found['identity'] !== undefined) {
    return { kind: 'u', epoch: Number(found['userEpoch']), except: found['except']!, identity: found['identity'] };
  }
  if (found['tenant'] !== undefined) return { kind: 't', epoch: Number(found['tenantEpoch']), tenantHash: found['tenant'] };
  if (found['token'] !== undefined) return { kind: 'j', sessionId: found['tokenSession']!, tokenId: found['token'] };
  return { kind: 'd', sessionId: found['data']! };
}

export function textOf(revocation: Revocation): string {
  switch (revocation.kind) {
    case 's':
      return `s ${revocation.how} ${revocation.sessionId}`;
    case 'u':
      return `u ${revocation.epoch} ${revocation.except} ${revocation.identity}`;
    case 't':
      return `t ${revocation.epoch} ${revocation.tenantHash}`;
    case 'j':
      return `j ${revocation.sessionId} ${revocation.tokenId}`;
    case 'd':
      return `d ${revocation.sessionId}`;
  }
}
