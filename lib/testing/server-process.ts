import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisServerProgram } from './find-redis-server.js';

const READY_WITHIN_MS = 15_000;

/** Sits beside the server; its input ends when this process does, however it does, and then so does the server. */
const WATCHDOG = `trap '' INT TERM HUP; read -r line; kill -9 $(cat "$2/redis.pid") "$1" 2>/dev/null; rm -rf "$2"`;

/** One run of a server program, from start to exit. */
export class ServerProcess {
  /** Of the server itself, which where a container runs it is not the child. */
  private serverPid: number;
  private readonly exited: Promise<unknown>;
  private readonly logEnded: Promise<unknown>;
  private log = '';

  private constructor(
    private readonly child: ChildProcess,
    directory: string,
  ) {
    this.serverPid = child.pid!;
    this.exited = once(child, 'exit');
    this.logEnded = once(child, 'close');
    const watchdog = spawn('/bin/sh', ['-c', WATCHDOG, 'sh', String(this.serverPid), directory], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    const keepTail = (chunk: Buffer): void => void (this.log = (this.log + chunk.toString()).slice(-2_000));
    child.stdout?.on('data', keepTail);
    child.stderr?.on('data', keepTail);
    child.once('exit', () => watchdog.kill('SIGKILL'));
    for (const handle of [child, child.stdout, child.stderr, watchdog, watchdog.stdin]) unref(handle);
  }

  /** Starts the program and waits until it answers on its unix socket. Rejects with the end of its log if it does not. */
  static async start(program: RedisServerProgram, args: readonly string[], directory: string, socketPath: string): Promise<ServerProcess> {
    // In a process group of its own, so that Ctrl-C lets the application finish before its Redis goes.
    const child = spawn(program.command, args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'], detached: true, env: program.env });
    await once(child, 'spawn');
    const server = new ServerProcess(child, directory);
    const deadline = Date.now() + READY_WITHIN_MS;
    while (!(await answers(socketPath))) {
      if (server.hasExited) {
        await Promise.race([server.logEnded, sleep(1_000)]);
        throw new Error(`${program.command} exited at once:\n${server.log}`);
      }
      if (Date.now() > deadline) {
        await server.signal('SIGKILL');
        throw new Error(`${program.command} did not answer within ${READY_WITHIN_MS} ms:\n${server.log}`);
      }
      await sleep(5);
    }
    server.serverPid = Number(await readFile(join(directory, 'redis.pid'), 'latin1'));
    return server;
  }

  get pid(): number {
    return this.serverPid;
  }

  get hasExited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Sends a signal; resolves when a fatal one has ended the process, and when SIGSTOP has stopped it. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    if (this.hasExited) return;
    try {
      process.kill(this.serverPid, signal);
    } catch (error) {
      // It has ended just now, and its exit has not been told yet.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    if (signal === 'SIGSTOP') await this.stopped();
    else if (signal !== 'SIGCONT') await this.exit();
  }

  private async exit(): Promise<void> {
    this.child.ref();
    await this.exited;
  }

  /** The signal arrives when the process is next scheduled; until then it goes on answering. */
  private async stopped(): Promise<void> {
    if (process.platform !== 'linux') return sleep(20);
    const status = (): Promise<string> => readFile(`/proc/${this.serverPid}/stat`, 'latin1').catch(() => '');
    while (!this.hasExited && !/\) [Tt] /.test(await status())) await sleep(1);
  }
}

function unref(handle: unknown): void {
  (handle as { unref?: () => void } | null)?.unref?.();
}

/** True when a server answers a PING there, be it to say that it wants a password. */
function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => settle(false));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
    socket.once('data', (reply) => settle(/^(\+PONG|-NOAUTH)/.test(reply.toString())));
    socket.write('PING\r\n');
  });
}
