export { findRedisServer, type RedisServerProgram } from './find-redis-server.js';
export { freePort } from './free-port.js';
export { signInTestUser, type TestUserTokens } from './sign-in-test-user.js';
export { startRedis, type StartRedisOptions, type TestRedis } from './start-redis.js';
