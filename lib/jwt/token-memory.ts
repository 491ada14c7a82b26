/** Of each of the two generations. */
const MOST_TOKENS = 16_384;
const MOST_BYTES = 8 * 1024 * 1024;
const LONGEST_MS = 5 * 60_000;

/** A power of two. */
const SIGHTINGS = 65_536;

/**
 * What was found out about tokens, by their exact text, so that another spelling of a token is another token. Holds at most
 * 32,768 tokens and 16 MiB of their text; those not asked for longest are forgotten, a generation at a time, and a generation
 * takes new ones for five minutes at most, so that expired ones do not stay until there is no room. One that is seen once is
 * not worth its room: it is to be remembered from its second sight on.
 */
export class TokenMemory<Found> {
  private young = new Map<string, Remembered<Found>>();
  private old = new Map<string, Remembered<Found>>();
  private youngBytes = 0;
  private youngSince = performance.now();
  private readonly seen = new Uint32Array(SIGHTINGS);
  private next = 0;

  get size(): number {
    return this.young.size + this.old.size;
  }

  /** Takes anything: it is asked before the token is looked at. */
  get(token: unknown): Found | undefined {
    if (typeof token !== 'string') return undefined;
    const end = endOf(token);
    const young = this.young.get(end);
    if (young !== undefined) return young.token === token ? young.found : undefined;
    const aged = this.old.get(end);
    if (aged?.token !== token) return undefined;
    this.old.delete(end);
    this.put(end, aged);
    return aged.found;
  }

  remember(token: string, found: Found): void {
    const end = endOf(token);
    if (this.young.has(end)) return;
    // a copy: the text given may be a part of a much longer one, which it would keep alive
    const copy = Buffer.from(token, 'latin1').toString('latin1');
    this.put(endOf(copy), { token: copy, found });
  }

  private put(end: string, remembered: Remembered<Found>): void {
    const { length } = remembered.token;
    const isFull = this.young.size >= MOST_TOKENS || this.youngBytes + length > MOST_BYTES;
    if (isFull || performance.now() - this.youngSince >= LONGEST_MS) this.age();
    this.young.set(end, remembered);
    this.youngBytes += length;
  }

  private age(): void {
    this.old = this.young;
    this.young = new Map();
    this.youngBytes = 0;
    this.youngSince = performance.now();
  }

  /** Whether it was seen before, as far as can be told by the end of its text, which is that of its signature. */
  sight(token: string): boolean {
    let sum = 1;
    for (let at = token.length - 7; at < token.length; at++) sum = Math.imul(sum, 67) + (token.charCodeAt(at) | 0);
    sum = Math.imul(sum ^ (sum >>> 15), 0x2c1b3c6d);
    sum = (sum ^ (sum >>> 13)) >>> 0;
    // four places for each, so that those that share one do not drive each other out for ever
    const place = sum & (SIGHTINGS - 1) & ~3;
    let free = place + (this.next & 3);
    for (let way = place; way < place + 4; way++) {
      if (this.seen[way] === sum) return true;
      if (this.seen[way] === 0) free = way;
    }
    this.next += 1;
    this.seen[free] = sum;
    return false;
  }

  forget(token: string): void {
    const end = endOf(token);
    const young = this.young.get(end);
    if (young?.token === token) {
      this.young.delete(end);
      this.youngBytes -= token.length;
    }
    if (this.old.get(end)?.token === token) this.old.delete(end);
  }
}

interface Remembered<Found> {
  readonly token: string;
  readonly found: Found;
}

/** A part of the signature by which a token is found, so that not all of it has to be hashed; then all of it is compared. */
function endOf(token: string): string {
  return token.slice(-32);
}
