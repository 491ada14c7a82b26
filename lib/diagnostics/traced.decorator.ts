import { operations } from './channels.js';
import type { Observed } from './observer.js';
import { type Ids, trace } from './trace.js';

type Call = (...args: unknown[]) => Promise<unknown>;

/** Methods that promise something. */
type Operation<Type> = { [Name in keyof Type]: Type[Name] extends (...args: never[]) => Promise<unknown> ? Name : never }[keyof Type] &
  string;

/** Which of a call's arguments and results are ids. */
export type TellIds = (method: string, args: readonly unknown[], result: unknown) => Ids;

/**
 * Tells of each call of these methods, as `<room>.<method>`, while somebody listens; else it is but a question more.
 * One method must not call another of them on the same object, or both are told.
 */
export function Traced<Type extends Observed>(room: string, methods: readonly Operation<Type>[], tellIds?: TellIds) {
  return ({ prototype }: { readonly prototype: Type }): void => {
    for (const method of methods) {
      const act = prototype[method] as Call;
      const operation = `${room}.${method}`;
      const value = function (this: Type): Promise<unknown> {
        // oxlint-disable-next-line prefer-rest-params -- an array for each call would be the only cost
        const args = arguments as unknown as unknown[];
        if (!operations.hasSubscribers) return act.apply(this, args);
        const idsOf = tellIds !== undefined && this.observer.tellsIds ? (result: unknown) => tellIds(method, args, result) : undefined;
        return trace(operation, this.observer, () => act.apply(this, args), idsOf);
      };
      Object.defineProperty(value, 'name', { value: method });
      Object.defineProperty(prototype, method, { value, writable: true, configurable: true });
    }
  };
}
