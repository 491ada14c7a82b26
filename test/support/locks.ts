import { DistributedLock, type DistributedLockOptions } from '../../lib/locks/index.js';

/** A DistributedLock of its own connection, closed at the end of an `await using` block. */
export class LocksUnderTest extends DistributedLock implements AsyncDisposable {
  constructor(options: DistributedLockOptions) {
    super({ commandTimeout: 500, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
