import type { Adapter, AdapterFactory } from 'oidc-provider';

/** Called as `RefreshToken.find`; the call goes on when it resolves. */
export type Hook = (call: string) => Promise<void> | void;

/** An adapter whose calls can be held up, so that requests meet where they would meet by chance. */
export function hooked(factory: AdapterFactory, { before, after }: { before?: Hook; after?: Hook }): AdapterFactory {
  return (model) =>
    new Proxy(factory(model), {
      get(adapter: Adapter, name: keyof Adapter) {
        return async (...args: never[]): Promise<unknown> => {
          await before?.(`${model}.${name}`);
          const result: unknown = await (adapter[name] as (...args: never[]) => Promise<unknown>).apply(adapter, args);
          await after?.(`${model}.${name}`);
          return result;
        };
      },
    });
}

/** Where so many have to come before anyone goes on. Whoever comes later passes. */
export class Meeting {
  private readonly complete: Promise<void>;
  private completed!: () => void;

  constructor(private missing: number) {
    this.complete = new Promise((resolve) => (this.completed = resolve));
  }

  come(): Promise<void> {
    if (--this.missing === 0) this.completed();
    return this.complete;
  }
}
