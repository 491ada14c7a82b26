import type { Writable } from 'node:stream';

const BAR_WIDTH = 20;
const TERMINAL_EVERY_MS = 100;
const PLAIN_EVERY_MS = 5_000;

/** How far a command is: a bar that is drawn again and again on a terminal, and a line now and then elsewhere. */
export class Progress {
  private readonly started = performance.now();
  private readonly every: number;
  private shownAt = 0;
  private share: number | undefined;
  private lastLength = 0;

  constructor(private readonly stream: Writable & { isTTY?: boolean }) {
    this.every = stream.isTTY === true ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS;
    this.shownAt = this.started;
  }

  readonly onPosition = (share: number): void => {
    this.share = share;
  };

  /** @param counts as in `{ imported: 5 }`, in the order they are shown @param done how many, for the speed */
  show(counts: Readonly<Record<string, number>>, done: number): void {
    const now = performance.now();
    if (now - this.shownAt < this.every) return;
    this.shownAt = now;
    const speed = Math.round((done * 1000) / (now - this.started));
    const texts = [...Object.entries(counts).map(([name, count]) => `${name} ${whole(count)}`), `${whole(speed)}/s`];
    this.write(`${this.bar()}${texts.join(' · ')}`);
  }

  /** A line that stays, in place of the bar until that is drawn anew. */
  say(text: string): void {
    this.stream.write(this.lastLength > 0 ? `\r${text.padEnd(this.lastLength)}\n` : `${text}\n`);
    this.lastLength = 0;
  }

  /** Leaves the line to what comes next. */
  end(): void {
    if (this.lastLength > 0) this.stream.write('\n');
    this.lastLength = 0;
  }

  private bar(): string {
    if (this.share === undefined) return '';
    const full = Math.round(this.share * BAR_WIDTH);
    return `[${'#'.repeat(full)}${' '.repeat(BAR_WIDTH - full)}] ${String(Math.floor(this.share * 100)).padStart(3)} %  `;
  }

  private write(line: string): void {
    if (this.stream.isTTY !== true) {
      this.stream.write(`${line}\n`);
      return;
    }
    this.stream.write(`\r${line.padEnd(this.lastLength)}`);
    this.lastLength = line.length;
  }
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}
