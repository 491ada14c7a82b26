export { databaseOf } from './database.js';
export * from './key-space.js';
export { type Again, type ConnectionSettings, RedisAuthConnection } from './redis-auth-connection.js';
export type { RedisClient } from './redis-client.js';
export { Script, type ScriptArgument } from './script.js';
export { inDoubt } from './store-errors.js';
