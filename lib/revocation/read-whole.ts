import { isEarlier } from './feed-id.js';
import { type FeedEntry, type FeedLink, PAGE } from './feed-link.js';

/** Entries that there must have been are missing. */
export class EntriesMissing extends Error {}

/**
 * All entries there are, at least up to `last`, and what each says.
 *
 * @throws EntriesMissing where one is missing since the present beginning
 */
export async function readWhole(link: FeedLink, last: string): Promise<{ entries: FeedEntry[]; seen: Set<string> }> {
  const entries: FeedEntry[] = [];
  const seen = new Set<string>();
  let isWhole = true;
  for (;;) {
    const before = entries.at(-1);
    const page = await link.page(before?.id ?? '');
    let number = before?.number;
    for (const entry of page) {
      if (number !== undefined && entry.number !== number + 1) isWhole = false;
      if (entry.text.startsWith('a ')) isWhole = true;
      number = entry.number;
      entries.push(entry);
      seen.add(entry.text);
    }
    if (page.length === PAGE) continue;
    const end = entries.at(-1);
    if (end === undefined || isEarlier(end.id, last) || !isWhole) throw new EntriesMissing();
    return { entries, seen };
  }
}
