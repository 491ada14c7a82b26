/** How long a peer has to read what is still on its way to it, and to close from its side. */
const PATIENCE_MS = 500;

/** A peer that neither reads nor closes would keep a socket, and what feeds it, open. */
export function hangUpUnlessClosed(socket: { once(event: 'close', listener: () => void): unknown }, hangUp: () => void): void {
  const timer = setTimeout(hangUp, PATIENCE_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}
