/** On whose behalf something is told, and how much of it. */
export interface Observer {
  /** Name of the registration; none for an object that was made by hand. */
  readonly instance?: string;
  /** Whether ids of users and sessions are told. */
  readonly tellsIds: boolean;
}

/** Something whose operations are told. */
export interface Observed {
  readonly observer: Observer;
}

/** How every message begins. */
export function from({ instance }: Observer): { instance?: string } {
  return instance === undefined ? {} : { instance };
}
