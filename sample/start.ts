import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { startRedis, type TestRedis } from 'nestjs-redis-auth/testing';
import { type Instance, startInstance } from './instances.js';

/**
 * `npm start`: two instances of the sample on one Redis, until Ctrl-C.
 *
 * PORTS=3000,3001 where they listen; REDIS_URL a Redis of yours (else a private one is started, and ends with us);
 * JWT_SECRET a secret of yours (else a new one, and who was signed in before has to do so again).
 */
const instances: Instance[] = [];
let redis: TestRedis | undefined;
let stopping = false;

async function stopAll(): Promise<void> {
  stopping = true;
  await Promise.all(instances.map((instance) => instance.stop()));
  await redis?.stop();
}

function portsFrom(text: string): [number, number] {
  const [first = NaN, second = NaN, ...more] = text.split(',').map(Number);
  const usable = [first, second].every((port) => Number.isInteger(port) && port > 0 && port < 65_536);
  if (!usable || first === second || more.length > 0) {
    throw new Error(`PORTS must be two different ports, as in PORTS=3000,3001; it is ${text}`);
  }
  return [first, second];
}

async function assertFree(port: number): Promise<void> {
  const server = createServer().listen(port, process.env.HOST ?? '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new Error(`port ${port} cannot be used (${code}); choose others: PORTS=4000,4001 npm start`, { cause });
  }
  server.close();
  await once(server, 'close');
}

async function redisUrl(): Promise<string> {
  if (process.env.REDIS_URL) return process.env.REDIS_URL;
  // kept on disk for as long as it lives, as yours should be: the audit at boot would tell of one that is not
  redis = await startRedis({ config: ['appendonly yes'] });
  return redis.url;
}

async function start(): Promise<void> {
  const ports = portsFrom(process.env.PORTS ?? '3000,3001');
  await Promise.all(ports.map(assertFree));
  const environment = {
    REDIS_URL: await redisUrl(),
    JWT_SECRET: process.env.JWT_SECRET ?? randomBytes(32).toString('base64url'),
  };
  for (const [index, port] of ports.entries()) {
    if (stopping) return;
    instances.push(await startInstance('AB'.charAt(index), port, environment));
  }
  for (const { name, ended } of instances) void ended.then(() => fail(new Error(`instance ${name} has ended; stopping the other`)));

  console.log(`
Two instances, one Redis. Sign in as ada (analytical-engine) or grace (nanosecond-wire):

  ${instances.map(({ url }) => url).join('\n  ')}

Open the second in a private window to be a second device, and log the first one out from there.
The same with curl: see "Try it with curl" in README.md. Ctrl-C stops everything.
`);
}

async function fail(error: Error): Promise<void> {
  if (stopping) return;
  console.error(error.message);
  process.exitCode = 1;
  await stopAll();
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stopAll());
if (process.env.npm_lifecycle_event) {
  // npm hands a signal to its shell, which ends without a word to us.
  const shell = process.ppid;
  setInterval(() => !stopping && process.ppid !== shell && void stopAll(), 250).unref();
}
await start().catch(fail);
// What was being started when the signal came.
if (stopping) await stopAll();
