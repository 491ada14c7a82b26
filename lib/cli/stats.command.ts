import { type Estimate, type Statistics, StoreStatistics } from '../observability/index.js';
import { type Command, isSet, textOf, UsageError, type Values } from './command.js';
import { JSON_FLAG, STORE_FLAGS } from './flags.js';
import { connectionOptions } from './places.js';
import { whole } from './progress.js';

export const stats: Command = {
  summary: 'tell how much there is: memory, sessions, tokens',
  about: `Tells how much memory the keys of this package take, and how many sessions and tokens are live. A database of more
than 10,000 keys is estimated from a sample, and ± tells its standard error. A password belongs into REDIS_URL rather than --redis.`,
  flags: {
    ...STORE_FLAGS,
    sample: { type: 'string', value: 'number', help: 'how many keys to look at, or all (default: 10000)' },
    ...JSON_FLAG,
  },
  afterInterrupt: 'Nothing was changed.',
  async run(values, terminal) {
    const sample = sampleOf(values);
    const store = new StoreStatistics(connectionOptions(values, terminal));
    try {
      const statistics = await store.statistics({ signal: terminal.signal, ...(sample !== undefined && { sample }) });
      terminal.out.write(isSet(values, 'json') ? `${JSON.stringify(statistics)}\n` : told(statistics));
    } finally {
      await store.close();
    }
  },
};

function sampleOf(values: Values): number | undefined {
  const text = textOf(values, 'sample');
  if (text === undefined) return undefined;
  if (text === 'all') return Infinity;
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new UsageError('--sample must be a number of keys, or all');
  return Number(text);
}

function told({ exact, keys, bytes, sessions, users, tokens, owners, tokenTypes }: Statistics): string {
  const rows = [
    ['memory', `${inUnits(bytes)} in ${count(keys)} keys`],
    ['sessions', `${count(sessions)} of ${count(users)} users`],
    ['tokens', `${count(tokens)} of ${count(owners)} owners`],
    ...tokenTypes.map(({ app, type, tokens, owners }) => [
      `  ${JSON.stringify(type)}${app === 'default' ? '' : ` of app ${JSON.stringify(app)}`}`,
      `${count(tokens)} of ${count(owners)} owners`,
    ]),
  ] as [string, string][];
  const width = Math.max(...rows.map(([name]) => name.length));
  const how = exact ? 'Every key was counted.' : 'Estimated from a sample; ± is one standard error.';
  return `${rows.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join('\n')}\n${how}\n`;
}

function count({ estimate, error, exact }: Estimate): string {
  return exact ? whole(estimate) : `${whole(estimate)} ± ${whole(error)}`;
}

function inUnits({ estimate, error, exact }: Estimate): string {
  const [unit, size] = estimate >= 1e9 ? (['GB', 1e9] as const) : estimate >= 1e6 ? (['MB', 1e6] as const) : (['kB', 1e3] as const);
  const amount = (bytes: number): string => (bytes / size).toFixed(1);
  return exact ? `${amount(estimate)} ${unit}` : `${amount(estimate)} ± ${amount(error)} ${unit}`;
}
