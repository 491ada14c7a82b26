export { type TokenStoreOptions, type TokenStoreParts, tokenKeyPurpose } from './token-store-options.js';
export { TokenStore } from './token.store.js';
export type * from './token-types.js';
