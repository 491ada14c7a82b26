/**
 * Encryption at rest. What was sealed for one place, the name of a key, cannot be opened at another: who can write to
 * Redis can delete secrets, but not exchange them.
 */
export interface Cipher {
  /** @throws RedisAuthConfigError where nothing can be encrypted with what was configured */
  seal(place: string, text: string): string | Promise<string>;
  /** @throws DecryptionError for what was not sealed for this place, or was changed, or needs another key */
  open(place: string, sealed: string): string | Promise<string>;
}
