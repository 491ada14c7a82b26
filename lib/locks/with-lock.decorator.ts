import { Inject } from '@nestjs/common';
import { InvalidArgumentError } from '../errors/index.js';
import { DEFAULT_INSTANCE, instanceToken } from '../options/index.js';
import { DistributedLock } from './distributed-lock.js';
import { checkTtl, checkWait } from './lock-arguments.js';
import type { WaitLockOptions } from './lock-types.js';

/** How {@link WithLock} locks. */
export interface WithLockOptions extends Omit<WaitLockOptions, 'signal'> {
  /** Whose DistributedLock it is: the name of a registration of the module. @default the one without a name */
  instance?: string;
}

type Method = (this: object, ...args: never[]) => Promise<unknown>;

const PLACEHOLDER = /\{(\d+)((?:\.\w+)*)\}/g;

/**
 * Runs an async method of a provider or controller with a lock, as {@link DistributedLock.using} does; `currentLock()` gives
 * the lock within it. Nest injects the DistributedLock into the class as a property: its module has to see RedisAuthModule.
 *
 * @param key with `{0}` for the first argument of the call, `{1.id}` for a property of the second …; they have to be text or numbers
 * @throws InvalidArgumentError where it stands, for a wrong ttl or wait; from the call, for an argument that the key cannot hold
 * @example
 * @WithLock('reports:{0}', { ttl: '30s' })
 * async build(reportId: string) {}
 */
export function WithLock(key: string, { instance = DEFAULT_INSTANCE, ...options }: WithLockOptions): MethodDecorator {
  checkTtl(options.ttl);
  checkWait(options, 0);
  const property = Symbol.for(`nestjs-redis-auth:locks:${instance}`);
  return (target: object, method: string | symbol, descriptor: PropertyDescriptor): void => {
    const original = descriptor.value as Method;
    Inject(instance === DEFAULT_INSTANCE ? DistributedLock : instanceToken('locks', instance))(target, property);
    const locked: Method = async function (...args) {
      const locks = (this as Record<symbol, unknown>)[property];
      if (!(locks instanceof DistributedLock)) {
        throw new TypeError(`@WithLock on ${String(method)}: this object was not made by Nest, which gives it its DistributedLock`);
      }
      return locks.using(keyOf(key, args), options, () => original.apply(this, args));
    };
    Object.defineProperty(locked, 'name', { value: original.name });
    // What decorators below this one said of the method holds of what stands in its place.
    for (const name of Reflect.getMetadataKeys(original) as unknown[]) {
      Reflect.defineMetadata(name, Reflect.getMetadata(name, original), locked);
    }
    descriptor.value = locked;
  };
}

function keyOf(template: string, args: readonly unknown[]): string {
  return template.replace(PLACEHOLDER, (placeholder, index: string, path: string) => {
    let value = args[Number(index)];
    for (const name of path.split('.').slice(1)) value = (value as Record<string, unknown> | null | undefined)?.[name];
    if (typeof value === 'string' || typeof value === 'bigint' || Number.isFinite(value)) return String(value);
    throw new InvalidArgumentError('key', `needs text or a number for ${placeholder}`);
  });
}
