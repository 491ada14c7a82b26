import { networkInterfaces } from 'node:os';

/** An address of this machine by which a server here looks like a remote one; a server must listen with `bind 0.0.0.0`. */
export function outerAddress(): string {
  const address = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  if (address === undefined) throw new Error('this machine has no IPv4 address but the loopback; give it a network');
  return address.address;
}
