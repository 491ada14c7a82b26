import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A process of its own that answers what it is asked. */
export interface Child<Questions> extends AsyncDisposable {
  ask<Name extends keyof Questions & string>(name: Name, ...args: Asked<Questions, Name>): Promise<Answer<Questions, Name>>;
}

// oxlint-disable-next-line typescript/no-explicit-any -- a function of any arguments
type Handler = (...args: any[]) => unknown;
type Asked<Questions, Name extends keyof Questions> = Questions[Name] extends (...args: infer Args) => unknown ? Args : never;
type Answer<Questions, Name extends keyof Questions> = Questions[Name] extends (...args: never[]) => infer Result ? Awaited<Result> : never;

interface Question {
  id: number;
  name: string;
  args: unknown[];
}

type Reply = { id: number; result?: unknown } | { id: number; error: string };

/** V8 gives room for young objects to whom it sees keep some: a server would gain by having had more to do at first. */
const ALIKE = ['--min-semi-space-size=16', '--max-semi-space-size=16'];

/** Starts a file of this directory; resolves when it serves. */
export async function startChild<Questions>(file: string, args: readonly string[] = []): Promise<Child<Questions>> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, { execArgv: ['--expose-gc', ...ALIKE] });
  const waiting = new Map<number, (reply: Reply) => void>();
  child.on('message', (reply: Reply) => {
    waiting.get(reply.id)?.(reply);
    waiting.delete(reply.id);
  });
  let ended = false;
  const exit = once(child, 'exit').then(() => {
    ended = true;
    for (const [id, settle] of waiting) settle({ id, error: `${file} has ended` });
  });
  let asked = 0;
  const ask = async (name: string, ...given: unknown[]): Promise<unknown> => {
    if (ended) throw new Error(`${file} has ended`);
    const id = asked++;
    const reply = await new Promise<Reply>((resolve) => {
      waiting.set(id, resolve);
      child.send({ id, name, args: given } satisfies Question);
    });
    if ('error' in reply) throw new Error(reply.error);
    return reply.result;
  };
  await ask('ready');
  return {
    ask: ask as Child<Questions>['ask'],
    async [Symbol.asyncDispose]() {
      child.disconnect();
      await exit;
    },
  };
}

/** In the child: answers until the parent is gone. */
export function serve(handlers: Readonly<Record<string, Handler>>): void {
  const answer = async ({ id, name, args }: Question): Promise<Reply> => {
    try {
      return { id, result: await (name === 'ready' ? undefined : handlers[name]!(...args)) };
    } catch (error) {
      return { id, error: String(error) };
    }
  };
  process.on('message', (question: Question) => {
    void answer(question).then((reply) => process.send?.(reply));
  });
  process.on('disconnect', () => process.exit());
}
