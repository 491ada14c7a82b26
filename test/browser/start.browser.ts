import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { freePort } from 'nestjs-redis-auth/testing';
import { afterEach, expect, it } from 'vitest';

// The compiled sample, as `npm start` runs it.
const program = fileURLToPath(new URL('../../dist-sample/start.js', import.meta.url));

const running: ChildProcess[] = [];
let occupant: Server | undefined;

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGTERM');
  occupant?.close();
});

/** Starts the sample on these ports: what it said so far, and how it ended, with all that held its output open. */
function start(ports: string, command = process.execPath, args = [program], more: NodeJS.ProcessEnv = {}) {
  const { REDIS_URL: _private, ...environment } = process.env;
  const child = spawn(command, args, { env: { ...environment, ...more, PORTS: ports }, stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  const said = { text: '' };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said.text += chunk.toString()));
  return { child, said, ended: once(child, 'close') as Promise<[code: number | null, signal: string | null]> };
}

const answers = (port: number) =>
  fetch(`http://127.0.0.1:${port}/me`).then(
    ({ status }) => status,
    () => undefined,
  );

it('starts two instances that share a secret and a Redis, and stops both and all else at SIGTERM', async () => {
  const [a, b] = [await freePort(), await freePort()];
  const { child, said, ended } = start(`${a},${b}`);
  await expect.poll(() => said.text, { timeout: 15_000 }).toContain('Ctrl-C stops everything');
  expect(said.text).toContain(`http://localhost:${a}\n  http://localhost:${b}`);

  const login = await fetch(`http://127.0.0.1:${a}/auth/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username: 'grace', password: 'nanosecond-wire' }),
  });
  const { accessToken } = (await login.json()) as { accessToken: string };
  const me = await fetch(`http://127.0.0.1:${b}/me`, { headers: { Authorization: `Bearer ${accessToken}` } });
  expect([me.status, me.headers.get('x-instance')]).toEqual([200, 'B']);

  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  expect(await Promise.all([answers(a), answers(b)])).toEqual([undefined, undefined]);
});

it('stops when npm was stopped, which tells only its shell', async () => {
  const [a, b] = [await freePort(), await freePort()];
  const shell = ['-c', `"${process.execPath}" "${program}"; true`];
  const { child, said, ended } = start(`${a},${b}`, '/bin/sh', shell, { npm_lifecycle_event: 'start' });
  await expect.poll(() => said.text, { timeout: 15_000 }).toContain('Ctrl-C stops everything');
  child.kill('SIGTERM');
  expect(await ended).toEqual([null, 'SIGTERM']);
  expect(await Promise.all([answers(a), answers(b)])).toEqual([undefined, undefined]);
});

it('says which port is taken, and starts nothing', async () => {
  const [a, b] = [await freePort(), await freePort()];
  occupant = createServer().listen(b, '127.0.0.1');
  await once(occupant, 'listening');
  const { said, ended } = start(`${a},${b}`);
  expect((await ended)[0]).toBe(1);
  expect(said.text).toBe(`port ${b} cannot be used (EADDRINUSE); choose others: PORTS=4000,4001 npm start\n`);
});

it.each(['3000', '3000,3000', '3000,x', '0,3001', '3000,3001,3002'])('refuses PORTS=%s', async (ports) => {
  const { said, ended } = start(ports);
  expect((await ended)[0]).toBe(1);
  expect(said.text).toContain('PORTS must be two different ports');
});
