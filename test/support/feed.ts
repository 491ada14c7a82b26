/**
 * Whether an instance sends this of its own accord, to follow the feed of revocations: it reads, and at times makes sure
 * of stream and anchor. That is the price of the feed, not of any call. What a call appends is none of it.
 */
export function isOfFeed(args: readonly string[]): boolean {
  const name = args[0]!.toLowerCase();
  if (name === 'xread') return true;
  if (name === 'xrange') return args[1]!.endsWith('f:{feed}stream');
  // to append is the same with texts behind
  return name.startsWith('eval') && args.length === 8 && args[4]!.endsWith('f:{feed}anchor');
}

/** Whether a call tells the feed something. */
export function isWordToFeed(args: readonly string[]): boolean {
  return args[0]!.toLowerCase().startsWith('eval') && args.length > 8 && args[4]!.endsWith('f:{feed}anchor');
}
