import type { SessionService } from '../../../lib/sessions/index.js';

/** How many streams an instance would end with their sessions. */
export function watchesOf(sessions: SessionService): number {
  return sessions['parts'].life.streams.size;
}
