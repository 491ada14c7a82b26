import type { Edit } from '../package-program.js';
import type { WorkloadName } from './history.js';
import type { Property } from './verdict.js';

/** A guard that is taken out of the package, and the property that must be seen to break. */
export interface PlantedBug {
  readonly property: Property;
  readonly edit: Edit;
}

/** What is run to find a bug of a property. */
export interface Hunt {
  readonly workload: WorkloadName;
  readonly serverFaults: readonly string[];
  /** Of one fault. */
  readonly longestMs: number;
  /** Between two faults of a link. @default 1500 */
  readonly linkRestMs?: number;
}

export const HUNTS: Readonly<Record<Exclude<Property, 'failures'>, Hunt>> = {
  revoked: { workload: 'revocation', serverFaults: ['clients killed', 'scripts flushed'], longestMs: 400 },
  families: { workload: 'families', serverFaults: ['clients killed', 'scripts flushed'], longestMs: 400 },
  sections: { workload: 'locks', serverFaults: ['everything deleted', 'clients killed'], longestMs: 400 },
  limits: { workload: 'limits', serverFaults: ['down, with its data'], longestMs: 1_200 },
  // whoever loses a link has nothing left that could be old
  cached: { workload: 'cache', serverFaults: ['scripts flushed'], longestMs: 400, linkRestMs: 20_000 },
};

export const PLANTED: Readonly<Record<string, PlantedBug>> = {
  'the feed is not told of the end of a session': {
    property: 'revoked',
    edit: {
      file: 'lib/sessions/session-endings.ts',
      find: `const first = isFirst ? [textOf({ kind: 's', how, sessionId })] : [];`,
      replace: `const first: string[] = [];`,
    },
  },
  'the replica passes over what ends all sessions of a user': {
    property: 'revoked',
    edit: {
      file: 'lib/revocation/revocation-replica.ts',
      find: `return putLater(this.users, revocation.identity, { epoch: revocation.epoch, except: revocation.except, at });`,
      replace: `return false;`,
    },
  },
  'the script that rotates does not ask whether the successor was used': {
    property: 'families',
    edit: { file: 'lib/sessions/chain.lua.ts', find: `if presented < current - 1 or (presented`, replace: `if (presented` },
  },
  'the script that rotates knows no end of the leeway': {
    property: 'families',
    edit: { file: 'lib/sessions/chain.lua.ts', find: `ms(now_us - s.created - s.rotated) >= tonumber(ARGV[3])`, replace: `false` },
  },
  'the script that releases a lock does not ask who holds it': {
    property: 'sections',
    edit: { file: 'lib/locks/mutex.lua.ts', find: `if holder == ARGV[1] then`, replace: `if true then` },
  },
  'the script that draws fencing tokens does not raise them': {
    property: 'sections',
    edit: { file: 'lib/locks/grant.lua.ts', find: `  return last\n`, replace: `  return time[1] * 1000000\n` },
  },
  'fencing tokens begin at nothing where Redis has lost the last one': {
    property: 'sections',
    edit: { file: 'lib/locks/grant.lua.ts', find: `local last = time[1] * 1000000 + time[2] + count`, replace: `local last = count` },
  },
  'the script that uses a limit counts nothing': {
    property: 'limits',
    edit: { file: 'lib/rate-limit/bucket.lua.ts', find: `if wait == 0 and blocked <= 0 then add = cost end`, replace: `` },
  },
  'an instance without Redis counts nothing': {
    property: 'limits',
    edit: {
      file: 'lib/rate-limit/local-limiter.ts',
      find: `this.bucket(debit.bucket).levels.set(debit.field, { moment: now, used: next });`,
      replace: `void next;`,
    },
  },
  'the script that fills an entry does not ask whether it was invalidated meanwhile': {
    property: 'cached',
    edit: {
      file: 'lib/cache/entry.lua.ts',
      find: `if ARGV[1] ~= '' and redis.call('GETRANGE', KEYS[1], 0, 21) ~= ARGV[1] then return false end`,
      replace: ``,
    },
  },
  'the in-process tier is not told of changes': {
    property: 'cached',
    edit: {
      file: 'lib/cache/invalidation-link.ts',
      find: `else for (const key of keys) events.changed(key.toString());`,
      replace: `else void keys;`,
    },
  },
};
