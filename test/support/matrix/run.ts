import { setTimeout as sleep } from 'node:timers/promises';
import { isCluster } from '../../../lib/redis/index.js';
import { uniquePrefix } from '../key-prefix.js';
import { openServices, type Operation, OPERATIONS, type Prepared, type Services } from '../operations/index.js';
import { testOptions } from '../sessions.js';
import { until } from '../until.js';
import { withoutTtl } from '../without-ttl.js';
import { type Ended, ended, FairClock, wasAsked } from './calls.js';
import { boundOf, effectsOf, expectedOf, type Outcome, RECOVERS_WITHIN_MS, whyNot } from './expectations.js';
import type { Fault } from './faults.js';
import { type Place, portsOf, type Topology } from './places.js';

/** What one call came to under one fault. */
export interface Cell {
  readonly operation: string;
  readonly outcomes: readonly string[];
  /** Ms of the slowest. */
  readonly settledMs: number;
  /** Ms from healing until the call works again; absent where it was never interrupted. */
  readonly recoveredMs?: number;
  /** Whatever is not as it has to be. */
  readonly problems: readonly string[];
}

export interface Run {
  readonly topology: Topology;
  readonly fault: string;
  readonly cells: readonly Cell[];
  /** What is wrong apart from single calls. */
  readonly problems: readonly string[];
}

/** Sets of prepared calls over which a failover passes, and how far they are apart. */
const FAILOVER_ROUNDS = 4;
const ROUND_EVERY_MS = 400;
const CUTTING_ROUNDS = 3;
/** Known is what was revoked up to here; longer than any fault lasts before the last call. */
const MAX_STALENESS = '20s';
const PATIENT_MS = 30_000;

type Prepareds = Map<Operation, Prepared>;

/** One fault at one place: before, meanwhile and after. */
export class FaultRun {
  private readonly keyPrefix = uniquePrefix();
  private readonly operations: readonly Operation[];
  private readonly notes = new Map<Operation, { outcomes: Set<string>; settledMs: number; recoveredMs?: number; problems: Set<string> }>();
  private readonly problems: string[] = [];
  private readonly clock = new FairClock();
  private other!: Services;
  private on!: Services;

  constructor(
    private readonly place: Place,
    private readonly fault: Fault,
    private readonly commandTimeout: number,
  ) {
    this.operations = OPERATIONS.filter((operation) => whyNot(operation, fault) === undefined);
    for (const operation of this.operations) this.notes.set(operation, { outcomes: new Set(), settledMs: 0, problems: new Set() });
  }

  async result(): Promise<Run> {
    const unhandled = (error: unknown): void => void this.problems.push(`nobody handled ${String(error)}`);
    process.on('unhandledRejection', unhandled);
    try {
      this.other = await this.open(this.place.past, 10_000);
      try {
        if (this.fault.kind === 'lost request' || this.fault.kind === 'lost reply') await this.oneAfterTheOther();
        else await this.allAtOnce();
        await this.halves();
      } finally {
        await this.other.close();
      }
      // what nobody handles is told after the turn of the event loop in which it is rejected
      await sleep(10);
    } finally {
      this.clock[Symbol.dispose]();
      process.off('unhandledRejection', unhandled);
    }
    return {
      topology: this.place.topology,
      fault: this.fault.name,
      problems: this.problems,
      cells: this.operations.map((operation) => {
        const { outcomes, problems, ...times } = this.notes.get(operation)!;
        return { operation: operation.name, outcomes: [...outcomes], problems: [...problems], ...times };
      }),
    };
  }

  private open(redis: Services['redis'], commandTimeout: number): Promise<Services> {
    const options = testOptions({ keyPrefix: this.keyPrefix, commandTimeout, sessions: { maxStaleness: MAX_STALENESS }, audit: 'off' });
    return openServices({ ...options, redis, keyPrefix: this.keyPrefix });
  }

  /** The instance under test, when it knows what was revoked. */
  private async openWarm(): Promise<Services> {
    const on = await this.open(this.place.through, this.commandTimeout);
    try {
      const { accessToken } = await this.other.sessions.create('warm');
      const isWarm = async (): Promise<boolean> => {
        await on.sessions.verify(accessToken);
        return on.sessions.recall(accessToken) !== undefined;
      };
      await until(isWarm, { within: PATIENT_MS, what: 'what was revoked is known' });
      return on;
    } catch (error) {
      await on.close();
      throw error;
    }
  }

  private async prepareAll(): Promise<Prepareds> {
    const prepared: Prepareds = new Map();
    for (const [n, operation] of this.operations.entries()) {
      const by = operation.isBound ? this.on : this.other;
      const making = until(() => operation.prepare(this.on, by), { within: PATIENT_MS, what: `${operation.name} is prepared` });
      void making.then(
        (made) => prepared.set(operation, made),
        () => undefined,
      );
      // some at a time, so that none has to wait for its own answer too long
      if (operation.isBound || n % 8 === 7) await making;
    }
    await until(() => prepared.size === this.operations.length, { within: PATIENT_MS, what: 'everything is prepared' });
    return prepared;
  }

  private async allAtOnce(): Promise<void> {
    const { fault, place } = this;
    const atBoot = fault.kind === 'unborn';
    const begunBefore = atBoot ? await fault.begin(place, this.keyPrefix) : undefined;
    this.on = atBoot ? await this.open(place.through, this.commandTimeout) : await this.openWarm();
    try {
      const rounds =
        fault.kind === 'failover' ? FAILOVER_ROUNDS : fault.kind === 'cutting' ? CUTTING_ROUNDS : fault.laterBy === undefined ? 1 : 2;
      const sets: Prepareds[] = [];
      for (let round = 0; round < rounds; round++) sets.push(await this.prepareAll());
      const afterwards = await this.prepareAll();

      const begun = begunBefore ?? (await fault.begin(place, this.keyPrefix));
      const called: Promise<Map<Operation, Ended>>[] = [];
      for (const [round, set] of sets.entries()) {
        if (round > 0 && fault.laterBy !== undefined) {
          await called[round - 1];
          await sleep(fault.laterBy);
        } else if (round > 0) await sleep(ROUND_EVERY_MS);
        // a Cluster is there as long as one node may be
        called.push(this.callAll(set, round > 0 && fault.kind === 'gone' && place.topology !== 'Cluster'));
      }
      const ends = await Promise.all(called);
      await begun.heal();
      await this.recover(afterwards, this.clock.now());
      await begun.restore?.();
      await isWhole(this.other);
      for (const [round, set] of sets.entries()) await this.seeEffects(set, ends[round]!);
    } finally {
      await this.close();
    }
  }

  private async callAll(set: Prepareds, isKnown: boolean): Promise<Map<Operation, Ended>> {
    const ends = new Map<Operation, Ended>();
    await Promise.all(
      [...set].map(async ([operation, prepared]) => {
        const end = await ended(operation, prepared, this.clock);
        ends.set(operation, end);
        this.judge(operation, end, isKnown);
      }),
    );
    return ends;
  }

  /** @param isKnown that there is no connection: nothing is in doubt any more */
  private judge(operation: Operation, { outcome, ms }: Ended, isKnown = false): void {
    const note = this.notes.get(operation)!;
    note.outcomes.add(outcome);
    note.settledMs = Math.max(note.settledMs, Math.round(ms));
    const bound = boundOf(operation, this.fault, this.commandTimeout);
    if (ms > bound) note.problems.add(`settled after ${Math.round(ms)} ms, not within ${bound} ms`);
    const expected = expectedOf(operation, this.fault);
    if (!expected.includes(outcome as Outcome)) note.problems.add(`came to “${outcome}”, not to ${expected.join(' or ')}`);
    else if (isKnown && outcome === 'in doubt') note.problems.add('was in doubt although there was no connection');
  }

  private async recover(set: Prepareds, healedAt: number): Promise<void> {
    await Promise.all(
      [...set].map(async ([operation, prepared]) => {
        const note = this.notes.get(operation)!;
        let last = 'it never settled';
        let wasInDoubt = false;
        for (;;) {
          ({ outcome: last } = await ended(operation, prepared, this.clock));
          const afterMs = Math.round(this.clock.now() - healedAt);
          note.recoveredMs = afterMs;
          // what one that is in doubt has done, the next one may find done
          if (last === 'works' || (wasInDoubt && wasAsked(last))) break;
          wasInDoubt ||= last === 'in doubt';
          if (afterMs > PATIENT_MS || (wasAsked(last) && last !== 'without')) {
            note.problems.add(`did not recover, but came to “${last}”`);
            break;
          }
          await sleep(20);
        }
        if (note.recoveredMs! > RECOVERS_WITHIN_MS) note.problems.add(`worked again after ${note.recoveredMs} ms only`);
      }),
    );
  }

  private async seeEffects(set: Prepareds, ends: Map<Operation, Ended>): Promise<void> {
    for (const [operation, prepared] of set) await this.seeEffect(operation, prepared, ends.get(operation)!.outcome);
  }

  private async seeEffect(operation: Operation, prepared: Prepared, outcome: string): Promise<void> {
    if (prepared.effects === undefined) return;
    const { problems } = this.notes.get(operation)!;
    try {
      const { effects } = await until(async () => ({ effects: await prepared.effects!(this.other) }), { within: PATIENT_MS });
      const [least, most] = effectsOf(operation, this.fault, outcome as Outcome);
      if (effects < least || effects > most) problems.add(`“${outcome}”, but took effect ${effects} times`);
    } catch (error) {
      problems.add(`its effect cannot be seen: ${String(error)}`);
    }
  }

  private async oneAfterTheOther(): Promise<void> {
    const { fault, place } = this;
    this.on = await this.openWarm();
    try {
      for (const operation of this.operations) await this.lose(operation, fault.kind === 'lost request' ? 'request' : 'reply');
    } finally {
      await place.links.heal();
      await this.close();
    }
  }

  private async lose(operation: Operation, drop: 'request' | 'reply'): Promise<void> {
    const { place, on } = this;
    const note = this.notes.get(operation)!;
    await isWhole(on, 1);
    const prepared = await until(() => operation.prepare(on, operation.isBound ? on : this.other), {
      within: PATIENT_MS,
      what: `${operation.name} is prepared`,
    });
    let isLost = false;
    void place.links.loseNext(drop, portsOf(on.connection.client)).then(() => (isLost = true));
    const end = await ended(operation, prepared, this.clock);
    await place.links.heal();
    const healedAt = this.clock.now();
    if (isLost) this.judge(operation, end);
    else {
      note.outcomes.add('works');
      if (end.outcome !== 'works') note.problems.add(`came to “${end.outcome}” with nothing lost`);
    }
    if (drop === 'request') await this.seeEffect(operation, prepared, isLost ? end.outcome : 'works');
    if (!isLost) return;
    await isWhole(on, 1);
    if (drop === 'reply') await this.repeat(operation, prepared);
    note.recoveredMs = Math.round(this.clock.now() - healedAt);
    if (note.recoveredMs > RECOVERS_WITHIN_MS) note.problems.add(`worked again after ${note.recoveredMs} ms only`);
  }

  /** What a client does whose call is in doubt. The first may have taken effect, the second must not be one too many. */
  private async repeat(operation: Operation, prepared: Prepared): Promise<void> {
    const { problems } = this.notes.get(operation)!;
    const first = await this.effectsOf(prepared, operation);
    if (first !== undefined && first > 1) problems.add(`took effect ${first} times`);
    const since = this.clock.now();
    let { outcome } = await ended(operation, prepared, this.clock);
    // what has just failed is not asked again at once by everybody
    while (outcome === 'refused' && this.clock.now() - since < RECOVERS_WITHIN_MS) {
      await sleep(50);
      ({ outcome } = await ended(operation, prepared, this.clock));
    }
    if (!wasAsked(outcome)) problems.add(`repeated, came to “${outcome}”`);
  }

  private async effectsOf(prepared: Prepared, operation: Operation): Promise<number | undefined> {
    try {
      return await prepared.effects?.(this.other);
    } catch (error) {
      this.notes.get(operation)!.problems.add(`its effect cannot be seen: ${String(error)}`);
      return undefined;
    }
  }

  private async close(): Promise<void> {
    const start = this.clock.now();
    await this.on.close();
    const ms = this.clock.now() - start;
    if (ms > RECOVERS_WITHIN_MS) this.problems.push(`closed after ${Math.round(ms)} ms, not within ${RECOVERS_WITHIN_MS} ms`);
  }

  /** What is half-written would stay for ever, or be known to an index that has no record, or the other way round. */
  private async halves(): Promise<void> {
    await isWhole(this.other);
    const masters = await this.place.masters();
    const names = (await Promise.all(masters.map(withoutTtl))).flat().filter((name) => name.startsWith(this.keyPrefix));
    for (const name of names.slice(0, 5)) this.problems.push(`stays for ever: ${name}`);
    const { tokens } = await this.other.statistics.statistics({ sample: Infinity });
    const ids = new Set<string>();
    for await (const { id } of this.other.migration.exportTokens()) ids.add(id);
    if (ids.size !== tokens.estimate) this.problems.push(`${tokens.estimate} tokens in indexes, ${ids.size} with records`);
  }
}

/** Every node is asked again, also by what spares calls a wait for one that does not answer; `keys` lie on so many of them. */
async function isWhole({ connection, cache, limiter }: Services, keys = 12): Promise<void> {
  const { client } = connection;
  const asked = async (): Promise<boolean> => {
    // ioredis would look for a node that it has lost within some seconds
    if (isCluster(client)) await new Promise((resolve) => client.refreshSlotsCache(resolve));
    await connection.dbSize();
    const peeks = await Promise.all(Array.from({ length: keys }, (_, n) => limiter.peek(`x${n}`, { limit: 2, window: 9 })));
    // a part of it would be the whole of one instance
    return (await cache.isAvailable()) && peeks.every(({ limit }) => limit === 2);
  };
  await until(asked, { within: 10_000, what: 'every node is asked again' });
}
