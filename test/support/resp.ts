/** One command as a client sent it. */
export interface RespCommand {
  /** Name first, as it was written. */
  args: string[];
  bytes: Buffer;
}

const CR = 13;
const STAR = 42;

/** Cuts a client's byte stream into commands. Bytes that are no RESP (TLS, inline commands) come out as they came, without args. */
export class CommandReader {
  private pending: Buffer = Buffer.alloc(0);

  read(chunk: Buffer): RespCommand[] {
    this.pending = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk]);
    const commands: RespCommand[] = [];
    let offset = 0;
    while (offset < this.pending.length) {
      if (this.pending[offset] !== STAR) {
        commands.push({ args: [], bytes: this.pending.subarray(offset) });
        offset = this.pending.length;
        break;
      }
      const command = commandAt(this.pending, offset);
      if (!command) break;
      commands.push(command);
      offset += command.bytes.length;
    }
    this.pending = this.pending.subarray(offset);
    return commands;
  }
}

/** The command that starts there; undefined while its end has not arrived. */
function commandAt(buffer: Buffer, start: number): RespCommand | undefined {
  const head = numberAt(buffer, start);
  if (!head) return undefined;
  const args: string[] = [];
  let at = head.next;
  for (let i = 0; i < head.value; i++) {
    const length = numberAt(buffer, at);
    if (!length) return undefined;
    const end = length.next + length.value;
    if (end + 2 > buffer.length) return undefined;
    args.push(buffer.toString('utf8', length.next, end));
    at = end + 2;
  }
  return { args, bytes: buffer.subarray(start, at) };
}

/** `*3\r\n` or `$12\r\n`. */
function numberAt(buffer: Buffer, start: number): { value: number; next: number } | undefined {
  const end = buffer.indexOf(CR, start);
  if (end === -1 || end + 2 > buffer.length) return undefined;
  return { value: Number(buffer.toString('latin1', start + 1, end)), next: end + 2 };
}
