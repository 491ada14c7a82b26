/** What an instance issued, for others to present. */
export interface Issued {
  readonly session: string;
  readonly sessionId: string;
  readonly user: string;
  readonly tenant?: string;
  readonly token: string;
  readonly accessToken: string;
  readonly refreshToken: string;
}

export function identityOf({ user, tenant }: { user: string; tenant?: string }): string {
  return tenant === undefined ? user : `${user}@${tenant}`;
}

const MOST = 400;
const MOST_TOKENS = 3;

interface Entry {
  latest: Issued;
  /** Its last tokens that nobody ended. */
  tokens: Issued[];
  readonly isMine: boolean;
}

/** The sessions and tokens of which a process knows, and those among them that are being ended or were, of late. */
export class Known {
  private readonly sessions = new Map<string, Entry>();
  private readonly hot: { readonly one: Issued; readonly until: number }[] = [];

  constructor(
    private readonly random: () => number,
    private readonly presentForMs: number,
  ) {}

  /** How many are not known to be ended. */
  get alive(): number {
    return this.sessions.size;
  }

  add(one: Issued, isMine: boolean): void {
    const entry = this.sessions.get(one.session);
    if (entry === undefined) {
      // the rest of one that is ended meanwhile: to be presented none the less
      if (one.token !== `${one.session}/0`) this.heat([one]);
      else this.sessions.set(one.session, { latest: one, tokens: [one], isMine });
    } else {
      entry.latest = one;
      entry.tokens = [...entry.tokens, one].slice(-MOST_TOKENS);
    }
    for (const session of this.sessions.keys()) {
      if (this.sessions.size <= MOST) break;
      this.sessions.delete(session);
    }
  }

  /** Of a session, or of one token of one. */
  ending(names: readonly string[]): void {
    for (const name of names) {
      const session = name.split('/')[0]!;
      const entry = this.sessions.get(session);
      if (entry === undefined) continue;
      if (name === session) {
        this.heat(entry.tokens);
        this.sessions.delete(session);
      } else {
        this.heat(entry.tokens.filter(({ token }) => token === name));
        entry.tokens = entry.tokens.filter(({ token }) => token !== name);
      }
    }
  }

  where(holds: (one: Issued) => boolean): string[] {
    return [...this.sessions.values()].filter(({ latest }) => holds(latest)).map(({ latest }) => latest.session);
  }

  any(): Issued | undefined {
    return this.pick([...this.sessions.values()])?.latest;
  }

  /** The last of a session that began here: only this process renews it, so that no old token is presented by mistake. */
  mine(): Issued | undefined {
    return this.pick([...this.sessions.values()].filter(({ isMine }) => isMine))?.latest;
  }

  /** Two that were ended of late, if there are, and one that was not. */
  toPresent(): Issued[] {
    const present = performance.now();
    while (this.hot[0] !== undefined && this.hot[0].until < present) this.hot.shift();
    const entry = this.pick([...this.sessions.values()]);
    return [this.pick(this.hot)?.one, this.pick(this.hot)?.one, this.pick(entry?.tokens ?? [])].filter((one) => one !== undefined);
  }

  private heat(tokens: readonly Issued[]): void {
    for (const one of tokens) this.hot.push({ one, until: performance.now() + this.presentForMs });
  }

  private pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.random() * from.length)];
  }
}
