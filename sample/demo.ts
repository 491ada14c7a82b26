import { randomBytes } from 'node:crypto';
import { startRedis } from 'nestjs-redis-auth/testing';
import { startInstance } from './instances.js';
import { playStory } from './story.js';

/** `npm run demo`: the whole story over HTTP, on a private Redis and two processes. Exits 0 only if each step did what it should. */
await using redis = await startRedis();
const environment = { REDIS_URL: redis.url, JWT_SECRET: randomBytes(32).toString('base64url') };
const [a, b] = await Promise.all([startInstance('A', 0, environment), startInstance('B', 0, environment)]);
try {
  if (!(await playStory(a.url, b.url, console.log))) process.exitCode = 1;
} finally {
  await Promise.all([a.stop(), b.stop()]);
}
