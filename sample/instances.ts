import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** One running instance of the sample: a process of its own, as in production. */
export interface Instance {
  readonly name: string;
  readonly url: string;
  /** Settles when the process has ended, for whatever reason. */
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts `main.js` as a child process on `port` (0 = any free one) and resolves when it answers. */
export async function startInstance(name: string, port: number, environment: Record<string, string>): Promise<Instance> {
  const child = fork(fileURLToPath(new URL('./main.js', import.meta.url)), {
    env: { ...process.env, ...environment, INSTANCE: name, PORT: String(port) },
  });
  const ended = once(child, 'exit');
  const actualPort = await Promise.race([portOf(child), ended.then(() => undefined)]);
  if (actualPort === undefined) throw new Error(`instance ${name} did not start on port ${port}; what it said is above`);
  return { name, url: `http://localhost:${actualPort}`, ended, stop: () => stop(child, ended) };
}

async function portOf(child: ChildProcess): Promise<number> {
  const [message] = (await once(child, 'message')) as [{ port: number }];
  return message.port;
}

async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  child.kill('SIGTERM');
  const overdue = setTimeout(() => child.kill('SIGKILL'), 5000);
  await ended;
  clearTimeout(overdue);
}
