import { escapeText } from '../redis/index.js';

/**
 * Names of the keys. They hold no hash tag: each is in a slot of its own, and entries spread over a Cluster.
 *
 * | key                          | holds                                                                          |
 * |------------------------------|--------------------------------------------------------------------------------|
 * | `<prefix>e:<space>:<key>`    | one entry, or the place that is kept for one while it is being loaded          |
 * | `<prefix>n::<space>`         | version of a namespace, for at least a day                                     |
 * | `<prefix>n::<space>#<tag>`   | version of a tag within a namespace, for at least a day                        |
 * | `<prefix>h:<space>:<key>`    | holder of a lock of `acquireLock`                                              |
 *
 * A space is the names of nested namespaces with a slash between them; that of the cache itself is empty. No colon but those
 * above is in a name: so that a version of an instance called `e` or `h` is no entry or lock of the one without a name.
 */
export class CacheKeys {
  /** Of the namespace and those around it: what was written under other versions is no longer there. */
  readonly versions: readonly string[];

  constructor(
    private readonly prefix: string,
    private readonly path: readonly string[] = [],
  ) {
    this.versions = Array.from({ length: path.length + 1 }, (_, depth) => `${prefix}n::${spaceOf(path.slice(0, depth))}`);
    this.space = spaceOf(path);
    this.entries = `${prefix}e:${this.space}:`;
  }

  /** Names of entries start with this. */
  readonly entries: string;
  private readonly space: string;

  /** Names of everything that a copy of an entry depends on start with one of these. */
  get watched(): readonly [entries: string, versions: string] {
    return [`${this.prefix}e:`, `${this.prefix}n:`];
  }

  /** The version that {@link CacheAdapter.clear} raises. */
  get version(): string {
    return `${this.prefix}n::${this.space}`;
  }

  entry(key: string): string {
    return this.entries + escapeText(key);
  }

  /** The key of an entry by its name. */
  keyOf(entry: string): string {
    return decodeURIComponent(entry.slice(this.entries.length));
  }

  /** By a tag that is escaped already. */
  tag(escapedTag: string): string {
    return `${this.version}#${escapedTag}`;
  }

  lock(key: string): string {
    return `${this.prefix}h:${this.space}:${escapeText(key)}`;
  }

  namespace(name: string): CacheKeys {
    return new CacheKeys(this.prefix, [...this.path, name]);
  }
}

function spaceOf(path: readonly string[]): string {
  return path.map(escapeText).join('/');
}
