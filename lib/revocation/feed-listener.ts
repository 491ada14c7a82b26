import type { Revocation } from './revocation.js';

/** Who depends on what the feed tells. */
export interface FeedListener {
  /** Something new was ended or changed. */
  heard(revocation: Revocation): void;
  /** Something may have been missed: what rests on having heard everything is void. */
  lost(): void;
  /** Redis may have lost what these did to the state of sessions: to be done again. Resolves to those that were not. */
  redo(texts: readonly string[]): Promise<readonly string[]>;
}
