import type { TestProject } from 'vitest/node';
import { ask } from '../support/ask.js';
import setup from '../support/redis.setup.js';
import { restrictedUser } from './restricted-user.js';

/** The shared server has the user, too. */
export default async function restricted(project: TestProject): Promise<() => Promise<void>> {
  const teardown = await setup(project);
  await ask(project.getProvidedContext().redisUrl, (client) => client.call('ACL', 'SETUSER', ...restrictedUser()));
  return teardown;
}
