import { EventEmitter } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { RedisAuthConnection, RedisAuthModule } from '../../../lib/index.js';
import { seededRandom } from '../seeded-random.js';
import { until } from '../until.js';
import { SoakLoad } from './soak-load.js';
import type { SoakMeasure, SoakOptions, SoakOrder } from './soak.js';

/** One application under {@link SoakLoad} that tells, when asked, what it holds. It ends by itself when it has nothing left to do. */
const { options, seed, everyMs, pauseMs } = JSON.parse(process.argv[2]!) as SoakOptions;
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

Logger.overrideLogger(false);
const mishaps: string[] = [];
process.on('unhandledRejection', (error) => mishaps.push(`rejection: ${String(error)}`));
process.on('uncaughtException', (error) => mishaps.push(`exception: ${error.stack}`));

const app = await NestFactory.createApplicationContext(RedisAuthModule.forRoot(options), { logger: false });
const load = new SoakLoad(app, seededRandom(seed), String(seed));
const pending = new Set<Promise<void>>();
let working: NodeJS.Timeout | undefined;

function work(): void {
  working ??= setInterval(() => {
    if (pending.size > 64) return;
    const call = load.act().finally(() => pending.delete(call));
    pending.add(call);
  }, everyMs);
}

async function rest(): Promise<void> {
  clearInterval(working);
  working = undefined;
  await Promise.all(pending);
}

/** Of everything that is open, and of the process itself. */
function listeners(): number {
  const handles = (process as unknown as { _getActiveHandles(): unknown[] })._getActiveHandles();
  const connection = app.get(RedisAuthConnection);
  const emitters = [process, connection.client, ...handles];
  return emitters
    .filter((one) => one instanceof EventEmitter)
    .reduce((sum, one) => sum + one.eventNames().reduce((count, name) => count + one.listenerCount(name), 0), 0);
}

/** Counts of the first measurement. */
let usual: string | undefined;

function open(): Pick<SoakMeasure, 'listeners' | 'handles'> {
  const handles: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) handles[name] = (handles[name] ?? 0) + 1;
  return { listeners: listeners(), handles };
}

async function measure(): Promise<SoakMeasure> {
  const wasWorking = working !== undefined;
  await rest();
  await sleep(pauseMs);
  // a connection that a busy machine was too slow for is made anew
  usual ??= JSON.stringify(open());
  await until(() => JSON.stringify(open()) === usual, { within: 10_000, every: 100 }).catch(() => undefined);
  collectGarbage();
  await sleep(20);
  collectGarbage();
  const { rss, heapUsed, external } = process.memoryUsage();
  const { calls, unavailable } = load;
  const measured = { rss, heapUsed, external, ...open(), calls, unavailable, mishaps: [...mishaps, ...load.mishaps] };
  if (wasWorking) work();
  return measured;
}

const does: Record<SoakOrder, () => unknown> = {
  begin: () => load.begin(),
  fill: () => load.fill(),
  work,
  rest,
  measure,
  async stop() {
    await rest();
    await app.close();
    input.close();
    process.stdin.destroy();
  },
};
const input = createInterface(process.stdin);
input.on('line', (line) => {
  const order = line as SoakOrder;
  void Promise.resolve(does[order]()).then((result) => process.stdout.write(`${JSON.stringify({ order, result })}\n`));
});
process.stdout.write('"ready"\n');
