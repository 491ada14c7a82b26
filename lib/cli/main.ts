#!/usr/bin/env node
import { Logger } from '@nestjs/common';
import { run } from './run.js';

// Standard output is for what was asked for; what goes wrong is told at the end.
Logger.overrideLogger(false);

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());

// Whoever reads it may have heard enough; a full disk is worth a word.
process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  if (code !== 'EPIPE') process.stderr.write(`${message}\n`);
  process.exit(1);
});
// Nobody listens to the progress: no reason to give up half-way.
process.stderr.on('error', () => undefined);

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  in: process.stdin,
  out: process.stdout,
  err: process.stderr,
  signal: interrupted.signal,
});
