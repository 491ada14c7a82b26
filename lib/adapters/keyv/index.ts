export { type KeyvStoreOptions, RedisAuthKeyvStore } from './keyv-store.js';
