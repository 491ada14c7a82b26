import { LRUCache } from 'lru-cache';

const MOST_BYTES = 16 * 1024 * 1024;

interface Loads {
  count: number;
  /** Raised by each change. */
  changes: number;
}

/** Begun before the data is asked for; `keep` takes what was answered, unless it has been changed meanwhile. */
export interface DataLoad {
  keep(fields: readonly string[]): void;
  end(): void;
}

/**
 * Private data of sessions in memory, as the scripts reply it. Coherent as long as every change is told; at most 16 MiB,
 * what was not asked for longest is forgotten.
 */
export class DataCopies {
  private readonly copies = new LRUCache<string, readonly string[]>({
    maxSize: MOST_BYTES,
    sizeCalculation: (fields, sessionId) => 128 + sessionId.length + fields.reduce((sum, field) => sum + 32 + 2 * field.length, 0),
  });
  private readonly loads = new Map<string, Loads>();
  private generation = 0;

  get(sessionId: string): readonly string[] | undefined {
    return this.copies.get(sessionId);
  }

  begin(sessionId: string): DataLoad {
    const loads = this.loads.get(sessionId) ?? { count: 0, changes: 0 };
    this.loads.set(sessionId, loads);
    loads.count += 1;
    const { changes } = loads;
    const { generation } = this;
    return {
      keep: (fields) => {
        if (loads.changes === changes && this.generation === generation) this.copies.set(sessionId, fields);
      },
      end: () => {
        loads.count -= 1;
        if (loads.count === 0) this.loads.delete(sessionId);
      },
    };
  }

  /** It was changed, or its session has ended. */
  forget(sessionId: string): void {
    this.copies.delete(sessionId);
    const loads = this.loads.get(sessionId);
    if (loads !== undefined) loads.changes += 1;
  }

  /** Changes may have gone unheard. */
  clear(): void {
    this.copies.clear();
    this.generation += 1;
  }
}
