/**
 * Sets the wall clock of this process by so many ms until the end of the block, as if the machine's had been set: it goes
 * on from there. Timers and `performance.now()` do not depend on it, here as on a machine.
 */
export function shiftedClock(ms: number): Disposable {
  const Real = globalThis.Date;
  class Shifted extends Real {
    constructor(...args: [] | [number]) {
      if (args.length === 0) super(Real.now() + ms);
      else super(...args);
    }
    static override now(): number {
      return Real.now() + ms;
    }
    static override [Symbol.hasInstance](value: unknown): boolean {
      return Real[Symbol.hasInstance](value);
    }
  }
  globalThis.Date = Shifted as DateConstructor;
  return { [Symbol.dispose]: () => void (globalThis.Date = Real) };
}
