import { inParallel, settledMemory, startBenchServer } from './bench-server.js';

/** Bytes of `used_memory` per session, its share of the user's index included. */
export interface MemoryUse {
  sessions: number;
  users: number;
  refreshes: number;
  atSignIn: number;
  /** The first one notes when it was. */
  afterFirstRefresh: number;
  afterRefreshes: number;
}

const SESSIONS = 10_000;
const USERS = 1000;
const REFRESHES = 100;

export async function measureMemory(): Promise<MemoryUse> {
  await using server = await startBenchServer();
  const { sessions, raw } = server;
  // Scripts, and what else there is once, are there before the first reading.
  const first = await sessions.create('first');
  await sessions.refresh(first.refreshToken);

  const before = await settledMemory(raw);
  const tokens: string[] = [];
  await inParallel(SESSIONS, async (index) => {
    tokens[index] = (await sessions.create(`user-${index % USERS}`)).refreshToken;
  });
  const perSession = async (): Promise<number> => ((await settledMemory(raw)) - before) / SESSIONS;
  const refreshEach = (times: number): Promise<void> =>
    inParallel(SESSIONS, async (index) => {
      for (let n = 0; n < times; n++) tokens[index] = (await sessions.refresh(tokens[index]!)).refreshToken;
    });

  const atSignIn = await perSession();
  await refreshEach(1);
  const afterFirstRefresh = await perSession();
  await refreshEach(REFRESHES - 1);
  return { sessions: SESSIONS, users: USERS, refreshes: REFRESHES, atSignIn, afterFirstRefresh, afterRefreshes: await perSession() };
}
