import { patienceOf, type RedisAuthConnection, refusalCode } from '../redis/index.js';
import { Echoes } from './echoes.js';
import { idBefore, isEarlier, NOTHING, placeOf } from './feed-id.js';
import { type FeedEntry, FeedLink, PAGE } from './feed-link.js';
import type { FeedListener } from './feed-listener.js';
import { type FeedWriter, MOST_ENTRIES } from './feed-writer.js';
import { PutBack } from './put-back.js';
import { EntriesMissing, readWhole } from './read-whole.js';
import { Redoing } from './redoing.js';
import { parseRevocation } from './revocation.js';
import type { RevocationReplica } from './revocation-replica.js';
import { Servers } from './servers.js';
import { Silence } from './silence.js';
import { type CoverableToken, Window } from './window.js';

const LONGEST_BLOCK_MS = 200;
const SHORTEST_BLOCK_MS = 10;
const RETRY_MS = 100;
const REFUSED_MS = 1_000;
/** What is about to be forgotten anyway is not put back. */
const HARDLY_WORTH_MS = 2_000;

/**
 * Follows the feed and keeps the replica complete. The age of what it knows is counted from when a read was sent that was
 * answered, never from when its answer came: an answer held up on the way says nothing of the time since.
 *
 * What is missing is noticed by the numbers of the entries, by the last one read no longer being there, and by the
 * feed's anchor; then all that rests on completeness is void until the feed was read anew.
 */
export class RevocationFeed {
  /** Raised whenever something may have been missed. */
  generation = 0;

  private readonly blockMs: number;
  private readonly closing = new AbortController();
  private readonly window = new Window();
  private readonly putBack: PutBack;
  private readonly echoes = new Echoes();
  private readonly servers: Servers;
  private readonly silence: Silence;
  private readonly redoing: Redoing;
  private link: FeedLink | undefined;
  private running: Promise<void> | undefined;
  private attempted: () => void = () => undefined;
  private heardAt = -Infinity;
  private checkedAt = -Infinity;
  private syncedAt = -Infinity;
  /** Of the feed's present beginning. */
  private name = '';
  /** Id of the entry read last. */
  private cursor = NOTHING;
  /** Everything is to be read anew. */
  private isDue = false;

  constructor(
    private readonly connection: RedisAuthConnection,
    private readonly writer: FeedWriter,
    private readonly replica: RevocationReplica,
    private readonly staleAfterMs: number,
    private readonly listener: FeedListener,
  ) {
    this.putBack = new PutBack(connection, writer);
    this.servers = new Servers(connection);
    this.silence = new Silence(connection.observer);
    this.redoing = new Redoing((texts) => listener.redo(texts), this.closing.signal);
    const patience = Math.min(connection.commandTimeoutMs, patienceOf(connection.client));
    const longest = Math.min(LONGEST_BLOCK_MS, staleAfterMs / 4, patience / 2);
    this.blockMs = Math.max(SHORTEST_BLOCK_MS, Math.floor(longest));
  }

  /** Milliseconds since when something may have happened that is not known here. */
  ageAt(now: number): number {
    return now - this.heardAt;
  }

  /** Whether every revocation of the token has been heard or will be. */
  covers(token: CoverableToken): boolean {
    return this.remembers(token) && this.window.covers(token);
  }

  /** Whether what ends the token is remembered for as long as that lives. */
  remembers({ lifetimeMs }: CoverableToken): boolean {
    return lifetimeMs <= this.window.ms;
  }

  /** Which set of data it belongs to; '' until that is known. */
  get dataset(): string {
    return this.window.dataset;
  }

  /** Whether it is being read. */
  get isOpen(): boolean {
    return this.running !== undefined;
  }

  /** Begins to read, once; settles when all was read, at most after `commandTimeout`, and at once while Redis is away. */
  async open(): Promise<void> {
    if (this.running !== undefined || this.closing.signal.aborted) return;
    const attempted = new Promise<void>((resolve) => (this.attempted = resolve));
    this.link = new FeedLink(this.connection, this.writer.streamKey, Math.max(500, this.connection.commandTimeoutMs));
    this.connection.on('ready', this.readAgain);
    this.running = this.run(this.link);
    // what cannot be had now is not waited for once more
    if (!this.connection.isUsable) return;
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => (timer = setTimeout(resolve, this.connection.commandTimeoutMs)));
    await Promise.race([attempted, deadline]);
    clearTimeout(timer);
  }

  /** Resolves when the entry of this id was read, after so long at most; at once where nothing is read. */
  async hasRead(id: string, longestMs: number): Promise<void> {
    if (this.ageAt(performance.now()) > this.staleAfterMs || !isEarlier(this.cursor, id)) return;
    await this.echoes.of(id, longestMs);
  }

  close(): void {
    this.closing.abort();
    this.connection.off('ready', this.readAgain);
    this.link?.close();
  }

  /** The calls' own connection was made anew: what they wrote may have gone to a master that is none any more. */
  private readonly readAgain = (): void => {
    this.isDue = this.cursor !== NOTHING;
  };

  private async run(link: FeedLink): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted && !this.connection.isClosed) {
      try {
        await link.ready(signal);
        this.isDue = false;
        await this.load(link);
        this.attempted();
        while (!signal.aborted && !this.isDue) {
          await this.follow(link);
          this.silence.ends();
        }
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof EntriesMissing) this.lose();
        else if (this.ageAt(performance.now()) > this.staleAfterMs) this.silence.begins(error);
        else if (refusalCode(error) !== undefined) this.silence.refused(error);
        this.attempted();
        await pause(this.pauseAfter(error));
      }
    }
  }

  private pauseAfter(error: unknown): number {
    if (error instanceof EntriesMissing) return SHORTEST_BLOCK_MS;
    // reading everything has its price, and what is refused stays so for a while
    return refusalCode(error) === undefined ? RETRY_MS : Math.min(REFUSED_MS, this.staleAfterMs / 4);
  }

  /** Waits for what is new, or looks whether what was read last is still there. */
  private async follow(link: FeedLink): Promise<void> {
    const sentAt = performance.now();
    if (sentAt - this.checkedAt < this.blockMs) {
      const entries = await link.next(this.cursor, this.blockMs);
      if (entries === null) return;
      this.take(entries);
      if (entries.length < PAGE) this.heardAt = sentAt;
      return;
    }
    const [last, ...entries] = (await link.look(idBefore(this.cursor))) ?? [];
    if (last?.id !== this.cursor) throw new EntriesMissing();
    this.take(entries);
    if (entries.length + 1 < PAGE) this.heardAt = sentAt;
    this.checkedAt = performance.now();
    this.forgetOld();
    if (this.checkedAt - this.syncedAt > this.window.ms / 3 || this.servers.haveChanged) this.isDue = true;
  }

  /** Reads everything, and finds out what is new, what is missing, and since when nothing is. */
  private async load(link: FeedLink): Promise<void> {
    const sentAt = performance.now();
    // before anything is read, so that what is appended meanwhile is not taken for missing
    const known = [...this.replica.texts(seconds(sentAt - this.window.ms + HARDLY_WORTH_MS))];
    let [name, complete, window, last, now, runId, dataset] = await link.ask((client) => this.writer.sync(client, ''));
    // by which the server's clock is told from ours, however long the rest takes
    const [nowMs, askedAt] = [Number(now), performance.now()];
    const { entries, seen } = await readWhole(link, last);
    const missing = known.filter((text) => !seen.has(text));
    if (name === this.name && (missing.length > 0 || isEarlier(last, this.cursor))) {
      // others who hold as little must not believe that this is all
      [name, complete, window, last, now, runId, dataset] = await link.ask((client) => this.writer.sync(client, name));
    }
    const isContinued = entries[0]!.number <= placeOf(this.cursor).number + 1;
    if (name !== this.name || !isContinued) this.lose();
    for (const entry of entries) this.receive(entry, askedAt - (nowMs - entry.ms));
    this.replica.forgetBeyond(MOST_ENTRIES);
    this.window.set({ ms: Number(window), completeMs: Number(complete), nowMs: Number(now), dataset });
    this.cursor = entries.at(-1)!.id;
    this.heardAt = sentAt;
    this.checkedAt = performance.now();
    this.syncedAt = this.checkedAt;
    this.name = name;
    const isAnother = this.servers.note(runId);
    this.putBack.start(missing);
    void this.redoing.start(isAnother ? this.replica.texts(-Infinity) : missing);
  }

  private take(entries: readonly FeedEntry[]): void {
    let { number } = placeOf(this.cursor);
    for (const entry of entries) {
      number += 1;
      if (entry.number !== number) throw new EntriesMissing();
      this.cursor = entry.id;
      // a new beginning: somebody has found that entries are missing
      if (entry.text.startsWith('a ') && entry.text !== `a ${this.name}`) this.isDue = true;
      else this.receive(entry, performance.now());
    }
    if (!this.replica.forgetBeyond(MOST_ENTRIES)) return;
    this.lose();
    this.isDue = true;
  }

  /** @param at when it was written, by this process's clock */
  private receive({ id, text }: FeedEntry, at: number): void {
    this.putBack.isThere(text);
    this.echoes.isRead(id);
    const revocation = parseRevocation(text);
    if (revocation === undefined) return;
    const isNew = this.replica.add(revocation, seconds(Math.min(at, performance.now())));
    if (isNew || revocation.kind === 'd') this.listener.heard(revocation);
  }

  private forgetOld(): void {
    this.replica.forgetBefore(seconds(performance.now() - this.window.ms) - 1);
  }

  private lose(): void {
    this.generation += 1;
    this.heardAt = -Infinity;
    this.window.lose();
    this.listener.lost();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
