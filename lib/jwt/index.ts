export { AccessTokenSigner, type AccessTokenContent, type AccessTokenTimes, type SignedAccessToken } from './access-token-signer.js';
export { AccessTokenVerifier, MAX_ACCESS_TOKEN_BYTES } from './access-token-verifier.js';
export { DEFAULT_KID, type DerivedKey, derivedKeys, deriveKey } from './derive-key.js';
export { namespaceOf } from './namespace.js';
export { RESERVED_CLAIMS } from './reserved-claims.js';
export { NO_ORIGIN, type TokenOrigin } from './token-id.js';
export { TokenMemory } from './token-memory.js';
export { VerifiedToken } from './verified-token.js';
