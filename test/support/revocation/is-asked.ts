import type { TestRedis } from '../../../lib/testing/index.js';
import { CommandMonitor } from '../monitor.js';
import type { SessionsUnderTest } from '../sessions.js';

/**
 * Whether Redis is asked for a token, as it has to be where the feed proves nothing about it. Told by the key of its
 * session: what instances do in the background concerns others.
 */
export async function isAsked(redis: TestRedis, { sessions }: SessionsUnderTest, accessToken: string): Promise<boolean> {
  await using monitor = await CommandMonitor.start(redis);
  const { sessionId } = await sessions.verify(accessToken);
  const commands = await monitor.commands();
  return commands.some(({ args, inScript }) => !inScript && args.some((arg) => arg.endsWith(`}${sessionId.slice(6)}`)));
}
