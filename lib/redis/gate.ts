/** Lets calls through while the connection is usable, holds them while it is being made, else turns them away. */
export class Gate {
  private opening: PromiseWithResolvers | undefined = withResolvers();
  private reason: Error | undefined;
  private forGood = false;

  get isOpen(): boolean {
    return this.opening === undefined && this.reason === undefined;
  }

  /** True while calls are held. */
  get isHolding(): boolean {
    return this.opening !== undefined;
  }

  open(): void {
    if (this.forGood) return;
    this.reason = undefined;
    this.opening?.resolve();
    this.opening = undefined;
  }

  /** The connection is being made again: hold calls until that is decided. */
  hold(): void {
    if (this.forGood || this.opening) return;
    this.reason = undefined;
    this.opening = withResolvers();
  }

  /** Turn calls away, those held too, until {@link open}. */
  shut(reason: Error): void {
    if (this.forGood) return;
    this.reason = reason;
    this.opening?.reject(reason);
    this.opening = undefined;
  }

  shutForGood(reason: Error): void {
    this.shut(reason);
    this.forGood = true;
  }

  /** Resolves when the gate is open; rejects with the reason when it is shut. */
  async pass(): Promise<void> {
    if (this.reason) throw this.reason;
    await this.opening?.promise;
  }
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

function withResolvers(): PromiseWithResolvers {
  let resolve!: () => void;
  let reject!: (reason: Error) => void;
  const promise = new Promise<void>((onOpen, onShut) => {
    resolve = onOpen;
    reject = onShut;
  });
  // Perhaps nobody waits.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
