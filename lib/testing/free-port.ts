import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { createServer } from 'node:net';

/** So many ports of a process are kept from others, the last ones: what they were given to may be gone for a while and come back. */
const KEPT = 128;

const kept: Socket[] = [];

/**
 * A TCP port of 127.0.0.1 that nobody listens on. It lies below the range from which systems take the local ports of
 * outgoing connections, and this function gives it to no other process while it is among the last ones of this one, so
 * that it is still free when a stopped server wants it back. Nor is it one on which the nodes of a Cluster speak to each
 * other, 10,000 above their own.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 20_000);
    const hold = await heldByUdp(port);
    if (hold === undefined) continue;
    if (await isFree(port)) {
      if (kept.push(hold) > KEPT) kept.shift()!.close();
      return port;
    }
    hold.close();
  }
}

/** Nobody speaks UDP there: that a socket has the port of that kind is a sign to others, which ends with this process. */
function heldByUdp(port: number): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4').unref();
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close();
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => resolve(socket));
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
