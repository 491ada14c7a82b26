import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { fromNdjson } from '../migration/index.js';
import { type Command, type Terminal, textOf } from './command.js';
import { DRY_RUN_FLAG, fileFlag, JSON_FLAG, SECRETS, STORE_FLAGS } from './flags.js';
import { importAndReport } from './import-run.js';
import { Progress } from './progress.js';

export const importCommand: Command = {
  summary: 'store the tokens of a file',
  about: `Stores the tokens that export wrote, with their owners, data and the rest of their lives. What is there already
stays as it is, so that running it again is safe and goes on with what is missing; but what was consumed or deleted
since comes back. A line that cannot be read is left out and told.

${SECRETS}`,
  flags: { ...fileFlag('NDJSON to read, - for standard input (default: -)'), ...STORE_FLAGS, ...DRY_RUN_FLAG, ...JSON_FLAG },
  afterInterrupt: 'Run the same command again to go on: what is there already is left as it is.',
  async run(values, terminal) {
    const progress = new Progress(terminal.err);
    const chunks = await open(textOf(values, 'file') ?? '-', terminal, progress);
    await importAndReport(values, terminal, progress, fromNdjson(chunks));
  },
};

async function open(file: string, { in: input, signal }: Terminal, progress: Progress): Promise<AsyncIterable<Uint8Array>> {
  if (file === '-') return addAbortSignal(signal, input);
  const { size } = await stat(file);
  return withPosition(createReadStream(file, { signal }), size, progress);
}

async function* withPosition(chunks: Readable, size: number, { onPosition }: Progress): AsyncGenerator<Uint8Array, void> {
  let read = 0;
  for await (const chunk of chunks as AsyncIterable<Buffer>) {
    yield chunk;
    read += chunk.length;
    onPosition(Math.min(1, read / size));
  }
}
