/** The id before that of every entry. */
export const NOTHING = '0-0';

/** What an id says. */
export function placeOf(id: string): { ms: number; number: number } {
  const [ms, number] = id.split('-');
  return { ms: Number(ms), number: Number(number) };
}

/** The greatest id that is less; every entry has a number of at least 1. */
export function idBefore(id: string): string {
  const { ms, number } = placeOf(id);
  return `${ms}-${number - 1}`;
}

export function isEarlier(id: string, than: string): boolean {
  const [one, other] = [placeOf(id), placeOf(than)];
  return one.ms < other.ms || (one.ms === other.ms && one.number < other.number);
}
