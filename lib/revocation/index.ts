export { Revocations } from './revocations.js';
export type { FeedListener } from './feed-listener.js';
export { type Ending, parseRevocation, type Revocation, textOf } from './revocation.js';
export type { RevocableToken } from './revocation-replica.js';
export { revocationPrivileges } from './privileges.js';
