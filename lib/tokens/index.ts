export { CodeVerification, type CodeRefusal } from './code-verification.js';
export type { CodeAttempt, IssuedCode, NewCode } from './one-time-codes.js';
export { TokenKind, type DataOf, type KindPatch, type TokenKindDefinition } from './token-kind.js';
export { type TokenStoreOptions, type TokenStoreParts, tokenKeyPurpose } from './token-store-options.js';
export { TokenStore } from './token.store.js';
export type * from './token-types.js';
export { CustomTokens } from './custom-tokens.js';
export {
  customRest,
  type IndexNames,
  isGenerated,
  isTokenId,
  type Names,
  namesOf,
  ownerTag,
  pointerOf,
  restOf,
  scopeOf,
  tagOf,
  TokenKeys,
} from './token-keys.js';
export { membersOf, readRecord } from './token-record.js';
export { INDEX, onlyWithRoom } from './token-state.lua.js';
export { tokenStoreParts } from './token-store-options.js';
export { claimPrivileges, tokenPrivileges } from './privileges.js';
