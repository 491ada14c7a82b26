import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRedisServer, type RedisServerProgram } from './find-redis-server.js';
import { freePort } from './free-port.js';
import { ServerProcess } from './server-process.js';

/** How {@link startRedis} starts its server. */
export interface StartRedisOptions {
  /**
   * A TCP port on 127.0.0.1, or `'tcp'` for one that is free.
   * @default only a unix socket; with `password`, `users` or `tls` `'tcp'`
   */
  port?: number | 'tcp';
  /** Password of the default user; `url` contains it. @default none */
  password?: string;
  /** ACL users as `ACL SETUSER` takes them, name first: `'app on >secret ~auth:* &auth:* +@all'`. @default none */
  users?: readonly string[];
  /** PEM text of the server's certificate and key: TCP speaks TLS only. With `ca` clients must present a certificate of it. @default no TLS */
  tls?: { cert: string; key: string; ca?: string };
  /** Further lines of redis.conf, as in `['maxmemory 10mb']`; they win over the defaults. @default none */
  config?: readonly string[];
  /** Further arguments of the command line. @default none */
  args?: readonly string[];
}

/** A private Redis server. Everything is kept in memory; it ends, at the latest, with the process that started it. */
export interface TestRedis extends AsyncDisposable {
  /** What to give as the `redis` option of the module: the path of the socket, or a `redis://` or `rediss://` URL. */
  readonly url: string;
  /** Path of its unix socket. */
  readonly socketPath: string;
  /** Its TCP port, where it has one. */
  readonly port: number | undefined;
  /** Process id; another one after {@link restart}. */
  readonly pid: number;
  /** Ends the server and removes its directory. More than once is harmless. */
  stop(): Promise<void>;
  /** Sends a signal and waits for its effect; the address stays reserved for {@link restart}. @default 'SIGKILL' */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again at the same address, ending it first if it runs. Its data is lost unless `keepData`. */
  restart(options?: { keepData?: boolean }): Promise<void>;
  /** SIGSTOP: connections stay open, nothing is answered. */
  pause(): Promise<void>;
  /** SIGCONT: answers again, and runs what came in meanwhile. */
  resume(): Promise<void>;
}

/**
 * Starts a private, real Redis server and resolves when it answers, some 40 ms later.
 *
 * The program is what {@link findRedisServer} finds or installs. The server is not reachable from other
 * machines, keeps nothing on disk, and shares nothing with another one on this machine. It is ended by `stop()`,
 * by leaving an `await using` block, and by the end of this process in whatever way.
 *
 * @throws Error with the end of the server's log when it does not start (an occupied `port`, a wrong `config` line)
 * @example
 * await using redis = await startRedis();
 * const moduleRef = await Test.createTestingModule({ imports: [AppModule.on(redis.url)] }).compile();
 */
export async function startRedis(options: StartRedisOptions = {}): Promise<TestRedis> {
  const program = await findRedisServer();
  const wantsTcp = options.password !== undefined || options.users !== undefined || options.tls !== undefined;
  const port = options.port ?? (wantsTcp ? 'tcp' : undefined);
  for (let attempt = 1; ; attempt++) {
    const server = new PrivateServer(program, options, port === 'tcp' ? await freePort() : port, await mkdtemp(join(tmpdir(), 'redis-')));
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.stop();
      // Another process may have taken the free port in between.
      if (port !== 'tcp' || attempt === 3) throw error;
    }
  }
}

/** Directories of servers that nobody has stopped. */
const leftBehind = new Set<string>();
let removesAtExit = false;

/** One listener for all: Node warns of a leak from the eleventh on. */
function removeAtExit(directory: string): void {
  leftBehind.add(directory);
  if (removesAtExit) return;
  removesAtExit = true;
  process.once('exit', () => leftBehind.forEach((path) => rmSync(path, { recursive: true, force: true })));
}

class PrivateServer implements TestRedis {
  readonly socketPath: string;
  readonly url: string;
  private process: ServerProcess | undefined;

  constructor(
    private readonly program: RedisServerProgram,
    private readonly options: StartRedisOptions,
    readonly port: number | undefined,
    private readonly directory: string,
  ) {
    this.socketPath = join(directory, 'redis.sock');
    this.url = port === undefined ? this.socketPath : tcpUrl(port, options);
    removeAtExit(directory);
  }

  get pid(): number {
    if (!this.process) throw new Error('this server has not been started');
    return this.process.pid;
  }

  async start(): Promise<void> {
    const { tls, args = [] } = this.options;
    const file = (name: string): string => join(this.directory, name);
    // In files that only this user can read: arguments of a process are there for all to see.
    const write = (name: string, text: string): Promise<void> => writeFile(file(name), text, { mode: 0o600 });
    await rm(file('redis.pid'), { force: true });
    await write('redis.conf', this.configuration().join('\n'));
    if (tls) {
      await write('server.crt', tls.cert);
      await write('server.key', tls.key);
      await write('ca.crt', tls.ca ?? tls.cert);
    }
    this.process = await ServerProcess.start(this.program, [file('redis.conf'), ...args], this.directory, this.socketPath);
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
    leftBehind.delete(this.directory);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.process?.signal(signal);
  }

  async restart({ keepData = false }: { keepData?: boolean } = {}): Promise<void> {
    await this.resume();
    await this.kill(keepData ? 'SIGTERM' : 'SIGKILL');
    if (!keepData) await rm(join(this.directory, 'dump.rdb'), { force: true });
    await this.start();
  }

  async pause(): Promise<void> {
    await this.kill('SIGSTOP');
  }

  async resume(): Promise<void> {
    await this.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private configuration(): string[] {
    const { password, users = [], tls, config = [] } = this.options;
    const port = this.port ?? 0;
    return [
      `dir ${quoted(this.directory)}`,
      'pidfile redis.pid',
      `unixsocket ${quoted(this.socketPath)}`,
      'unixsocketperm 700',
      'bind 127.0.0.1 -::1',
      'protected-mode no',
      'save ""',
      'appendonly no',
      // SIGTERM alone saves, for a restart that keeps its data.
      'shutdown-on-sigterm save',
      ...(tls
        ? [
            'port 0',
            `tls-port ${port}`,
            'tls-cert-file server.crt',
            'tls-key-file server.key',
            'tls-ca-cert-file ca.crt',
            `tls-auth-clients ${tls.ca === undefined ? 'no' : 'yes'}`,
          ]
        : [`port ${port}`]),
      ...(password === undefined ? [] : [`requirepass ${quoted(password)}`]),
      ...users.map((user) => `user ${user}`),
      ...config,
      '',
    ];
  }
}

function tcpUrl(port: number, { password, tls }: StartRedisOptions): string {
  const credentials = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
  return tls ? `rediss://${credentials}localhost:${port}` : `redis://${credentials}127.0.0.1:${port}`;
}

/** A redis.conf argument with every byte as it is. */
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&').replace(/\n/g, '\\n').replace(/\r/g, '\\r')}"`;
}
