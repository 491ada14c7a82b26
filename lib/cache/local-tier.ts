import { LRUCache } from 'lru-cache';
import { copyOf } from './tagged-json.js';

/** A value that was read from Redis. */
interface LocalEntry {
  readonly value: unknown;
  /** By `performance.now()`. */
  readonly freshUntil: number;
  readonly dependsOn: readonly string[];
  /** What was invalidated when it was read from Redis. */
  readonly asOf: number;
}

/** A look into Redis that is under way: an invalidation that comes before its reply makes it worthless here. */
export interface Reading {
  readers: number;
  readonly sentAt: number;
  readonly asOf: number;
}

/** What an entry costs beside its key and its value. */
const OVERHEAD_BYTES = 384;
/** Objects take up to 3.5 times the bytes of their JSON. */
const OBJECT_FACTOR = 3.5;
const MOST_VERSIONS = 10_000;

/**
 * Values of this process, bounded in bytes. What is in here has not been invalidated as far as this process has heard;
 * whether it hears is for others to know.
 */
export class LocalTier {
  private readonly entries: LRUCache<string, LocalEntry> | undefined;
  private readonly readings = new Map<string, Reading>();
  /** When each version was last raised, as far as anything in here can depend on it. */
  private readonly raised = new Map<string, number>();
  private clock = 1;
  private lastRaised = 0;

  constructor(maxBytes: number) {
    this.entries = maxBytes === 0 ? undefined : new LRUCache({ maxSize: maxBytes, maxEntrySize: maxBytes });
  }

  get isOn(): boolean {
    return this.entries !== undefined;
  }

  /** Number of entries. */
  get size(): number {
    return this.entries?.size ?? 0;
  }

  /** A copy of what is fresh at `now`, by `performance.now()`; undefined where there is none, as also for a value that is undefined. */
  get(name: string, now: number): unknown {
    const entry = this.entries?.get(name);
    if (entry === undefined) return undefined;
    if (entry.freshUntil > now && this.isValid(entry)) return copyOf(entry.value);
    this.entries!.delete(name);
    return undefined;
  }

  /** To be called before a look into Redis is sent, and {@link keep} or {@link abandon} after it. */
  begin(name: string): Reading {
    let reading = this.readings.get(name);
    if (reading === undefined) this.readings.set(name, (reading = { readers: 0, sentAt: performance.now(), asOf: this.clock }));
    reading.readers++;
    return reading;
  }

  /** Keeps what was read, unless it was invalidated meanwhile. @param bytes of it as text */
  keep(name: string, reading: Reading, value: unknown, bytes: number, freshMs: number, dependsOn: readonly string[]): void {
    if (this.readings.get(name) === reading) {
      const { sentAt, asOf } = reading;
      const entry = { value, freshUntil: sentAt + freshMs, dependsOn, asOf };
      const size = Math.ceil(bytes * (typeof value === 'object' ? OBJECT_FACTOR : 1)) + name.length + OVERHEAD_BYTES;
      if (this.isValid(entry)) this.entries?.set(name, entry, { size });
    }
    this.abandon(name, reading);
  }

  abandon(name: string, reading: Reading): void {
    if (--reading.readers === 0 && this.readings.get(name) === reading) this.readings.delete(name);
  }

  /** The entry has changed. */
  forget(name: string): void {
    this.entries?.delete(name);
    this.readings.delete(name);
  }

  /** Everything that depends on this version has ended. Costs the same however much that is. */
  forgetVersion(key: string): void {
    if (this.raised.size >= MOST_VERSIONS) this.clear();
    this.lastRaised = ++this.clock;
    this.raised.set(key, this.lastRaised);
  }

  clear(): void {
    this.entries?.clear();
    this.readings.clear();
    this.raised.clear();
    this.clock++;
  }

  private isValid({ dependsOn, asOf }: LocalEntry): boolean {
    if (this.lastRaised <= asOf) return true;
    for (const key of dependsOn) if ((this.raised.get(key) ?? 0) > asOf) return false;
    return true;
  }
}
