import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** An address behind which there is one server and then another, as behind a virtual IP. */
export class Switchable implements AsyncDisposable {
  private readonly open = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private path: string,
  ) {
    server.on('connection', (client) => this.accept(client));
  }

  /** @param path of a server's unix socket */
  static async to(path: string): Promise<Switchable> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Switchable(server, path);
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Connections are cut; those made from now on go there. */
  switchTo(path: string): void {
    this.path = path;
    for (const socket of this.open) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.open) socket.destroy();
    await closed;
  }

  private accept(client: Socket): void {
    const upstream = connect(this.path);
    const both = [client, upstream];
    for (const socket of both) {
      this.open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.open.delete(socket);
        for (const other of both) other.destroy();
      });
    }
    client.pipe(upstream).pipe(client);
  }
}
