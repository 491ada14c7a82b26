export { encryptionKeyPurpose } from './encryption.js';
export { type OAuthTokenStoreOptions, type OAuthTokenStoreParts } from './oauth-token-store-options.js';
export { OAuthTokenStore } from './oauth-token-store.js';
export type * from './oauth-types.js';
