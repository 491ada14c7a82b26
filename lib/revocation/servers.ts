import { isCluster, type RedisAuthConnection } from '../redis/index.js';

/** Which servers hold the data: another one may lack what was acknowledged by the one before. */
export class Servers {
  private runId: string | undefined;
  private masters = '';

  constructor(private readonly connection: RedisAuthConnection) {}

  /** Whether the masters of a Cluster are others than those noted. */
  get haveChanged(): boolean {
    return this.masters !== this.mastersNow();
  }

  /** Notes those that are there now; whether any is another than before. */
  note(runId: string): boolean {
    const isAnother = this.runId !== undefined && (this.runId !== runId || this.haveChanged);
    this.runId = runId;
    this.masters = this.mastersNow();
    return isAnother;
  }

  private mastersNow(): string {
    const { client } = this.connection;
    if (!isCluster(client)) return '';
    const addresses = client.nodes('master').map(({ options }) => `${options.host}:${options.port}`);
    return addresses.sort().join(' ');
  }
}
