import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { explainTrouble, type Trouble, TROUBLES } from './trouble.js';

const WITHIN_MS = 1_000;

/** Where a server listens. */
export type Endpoint = { path: string } | { host: string; port: number };

/**
 * What answers there, byte by byte: a driver sees only that its connection was closed, or that nothing came. Undefined
 * where it is a Redis that speaks as we do.
 */
export async function probeWire(endpoint: Endpoint, wantsTls: boolean, signal: AbortSignal): Promise<Trouble | undefined> {
  const answer = await firstBytes(endpoint, signal);
  if (answer instanceof Error) return explainTrouble(answer);
  const text = answer.bytes.toString('latin1');
  if (text.startsWith('HTTP/')) return TROUBLES.notRedis;
  if (/^[+-]/.test(text)) return wantsTls ? TROUBLES.tlsNotSpoken : explainTrouble(new Error(text.slice(1)));
  if (text === '' && !answer.isClosed) return TROUBLES.noAnswer;
  if (!wantsTls && (await speaksTls(endpoint, signal))) return TROUBLES.tlsRequired;
  return answer.isClosed ? TROUBLES.closed : TROUBLES.notRedis;
}

/** What comes back for a PING in plain text. */
async function firstBytes(endpoint: Endpoint, signal: AbortSignal): Promise<{ bytes: Buffer; isClosed: boolean } | Error> {
  const socket = connect(endpoint);
  try {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)]);
    await once(socket, 'connect', { signal: bounded });
    socket.write('PING\r\n');
    return await heard(socket, bounded);
  } catch (error) {
    return socketError(error);
  } finally {
    close(socket);
  }
}

async function heard(socket: Socket, signal: AbortSignal): Promise<{ bytes: Buffer; isClosed: boolean }> {
  return new Promise((resolve) => {
    const nothing = (isClosed: boolean): void => resolve({ bytes: Buffer.alloc(0), isClosed });
    socket.once('data', (bytes: Buffer) => resolve({ bytes, isClosed: false }));
    socket.once('error', () => nothing(true));
    socket.once('close', () => nothing(true));
    signal.addEventListener('abort', () => nothing(false), { once: true });
  });
}

async function speaksTls(endpoint: Endpoint, signal: AbortSignal): Promise<boolean> {
  // Whose certificate it is does not matter here: nothing is said.
  const socket = connectTls({ ...endpoint, rejectUnauthorized: false });
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)]) });
    return true;
  } catch {
    return false;
  } finally {
    close(socket);
  }
}

function close(socket: Socket): void {
  socket.on('error', () => undefined);
  socket.destroy();
}

function socketError(error: unknown): Error {
  const isTimeout = error instanceof Error && error.name === 'AbortError';
  return isTimeout ? Object.assign(new Error('connect ETIMEDOUT'), { code: 'ETIMEDOUT' }) : (error as Error);
}
