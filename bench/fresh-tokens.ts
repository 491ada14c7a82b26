import { setImmediate } from 'node:timers/promises';
import type { SessionService } from 'nestjs-redis-auth';
import type { Loop } from './rounds.js';

type Sign = (input: string) => Buffer;
type Check = (input: string, signature: Buffer) => boolean;

const BREATH = 500;

/**
 * Tokens that nobody has seen before: genuine ones of the session of one, each of an earlier proof of who the user is, and
 * signed anew. To sign in that often would take minutes.
 */
export class FreshTokens {
  private readonly header: string;
  private readonly payload: { auth_time: number };
  private tokens: string[] = [];
  private made = 0;

  /** `count`: more than can be verified in one turn. */
  constructor(
    token: string,
    private readonly count: number,
    private readonly sign: Sign,
  ) {
    const [header, body] = token.split('.') as [string, string];
    this.header = header;
    this.payload = JSON.parse(Buffer.from(body, 'base64url').toString()) as { auth_time: number };
  }

  /** Verifies each of them once. */
  verified(name: string, sessions: SessionService): Loop {
    let next = 0;
    return {
      name,
      prepare: async () => {
        await this.mint();
        next = 0;
      },
      left: () => this.count - next,
      run: async (times) => {
        for (let n = 0; n < times; n++) await sessions.verify(this.tokens[next++]!);
      },
    };
  }

  /** Checks the signatures alone of as many, over and over; what is compared is at hand. */
  checked(name: string, isSigned: Check): Loop {
    let parts: { input: string; signature: Buffer }[] = [];
    let next = 0;
    return {
      name,
      prepare: async () => {
        if (parts.length > 0) return;
        await this.mint();
        parts = this.tokens.map(partsOf);
      },
      run(times) {
        for (let n = 0; n < times; n++) {
          const { input, signature } = parts[next++ % parts.length]!;
          if (!isSigned(input, signature)) throw new Error('not genuine');
        }
      },
    };
  }

  private async mint(): Promise<void> {
    this.tokens = [];
    while (this.tokens.length < this.count) {
      const payload = { ...this.payload, auth_time: this.payload.auth_time - this.made++ };
      const input = `${this.header}.${Buffer.from(JSON.stringify(payload)).toString('base64url')}`;
      // in one piece, as a text that was read
      this.tokens.push(Buffer.from(`${input}.${this.sign(input).toString('base64url')}`).toString('latin1'));
      // who keeps the event loop to itself for seconds does not hear of revocations
      if (this.tokens.length % BREATH === 0) await setImmediate();
    }
  }
}

export function partsOf(token: string): { input: string; signature: Buffer } {
  const end = token.lastIndexOf('.');
  return { input: token.slice(0, end), signature: Buffer.from(token.slice(end + 1), 'base64url') };
}
