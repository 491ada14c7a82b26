import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { createApp } from './app.js';

/** Starts ONE instance of the sample on PORT. `start.ts` starts two of these. */
const name = process.env.INSTANCE ?? 'A';
const app = await createApp(name);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? '3000', process.env.HOST ?? '127.0.0.1');

const { port } = app.getHttpServer().address() as AddressInfo;
console.log(`instance ${name}: http://localhost:${port}`);

if (process.send) {
  // Started by start.ts or demo.ts: say where we listen, and do not outlive them.
  process.send({ port });
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
}
