import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, client } from './client.js';

interface Tokens {
  sessionId: string;
  accessToken: string;
  refreshToken: string;
}
interface Session {
  sessionId: string;
  current: boolean;
  device: { name: string };
}

const GRACE = { username: 'grace', password: 'nanosecond-wire' };
const ADA = { username: 'ada', password: 'analytical-engine' };

/**
 * What sessions are for, played against two instances over HTTP. Tells each step with ✓ or ✗ and stops at the first
 * that did not do what it should; whether all did.
 */
export async function playStory(urlOfA: string, urlOfB: string, say: (line: string) => void): Promise<boolean> {
  try {
    for await (const line of story(urlOfA, urlOfB)) say(`✓ ${line}`);
    return true;
  } catch (error) {
    say(`✗ ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

async function* story(urlOfA: string, urlOfB: string): AsyncGenerator<string> {
  const a = client(urlOfA);
  const b = client(urlOfB);
  const signIn = async (user: typeof GRACE, device: string) =>
    expectAnswer(await a.post('/auth/login', { ...user, device }), 200, `sign-in on A (${device})`).body as Tokens;

  refuse(await a.get('/me'), 'missing', 'reading without a token');
  expectAnswer(await a.post('/auth/login', { ...GRACE, password: 'guess' }), 401, 'sign-in with a wrong password');
  yield 'without a session nothing is read, and a wrong password gives none';

  const laptop = await signIn(GRACE, 'laptop');
  const phone = await signIn(GRACE, 'phone');
  yield 'signed in on A, from a laptop and from a phone';

  const me = expectAnswer(await b.get('/me', laptop), 200, 'reading on B');
  assert.equal((me.body as { name: string }).name, 'Grace Hopper');
  yield `read on ${me.instance}: the session of A is the session of B`;

  const listed = expectAnswer(await b.get('/sessions', laptop), 200, 'list of sessions').body as Session[];
  assert.deepEqual(
    new Map(listed.map(({ device, current }) => [device.name, current])),
    new Map([
      ['laptop', true],
      ['phone', false],
    ]),
  );
  yield 'listed on B by device: laptop (this one), phone';

  const [onA, onB] = await Promise.all([a, b].map((instance) => instance.post('/auth/refresh', { refreshToken: laptop.refreshToken })));
  const refreshed = expectAnswer(onA, 200, 'refresh on A').body as Tokens;
  const again = expectAnswer(onB, 200, 'refresh on B').body as Tokens;
  assert.notEqual(refreshed.refreshToken, laptop.refreshToken, 'the refresh token should have been rotated');
  assert.equal(again.refreshToken, refreshed.refreshToken, 'both refreshes should have got the same successor');
  expectAnswer(await a.get('/me', again), 200, "reading on A with B's token");
  yield 'refreshed on both at once: one rotation, the same new refresh token';

  const adas = await signIn(ADA, 'desk');
  expectAnswer(await b.delete(`/sessions/${adas.sessionId}`, refreshed), 404, "ending another user's session");
  expectAnswer(await b.delete(`/sessions/${phone.sessionId}`, refreshed), 204, 'ending the phone from the laptop');
  await refuseSoon(() => a.get('/me', phone), 'reading on A from the phone');
  yield "logged the phone out from the laptop, on B: refused on A; another user's session is out of reach";

  const tablet = await signIn(GRACE, 'tablet');
  expectAnswer(await b.post('/sessions/revoke-others', {}, refreshed), 200, 'log-out everywhere but here');
  await refuseSoon(() => a.get('/me', tablet), 'reading on A from the tablet');
  expectAnswer(await a.get('/me', refreshed), 200, 'reading on A from the laptop');
  yield 'logged out everywhere but here: the tablet is out, the laptop goes on';

  expectAnswer(await b.post('/auth/logout', {}, refreshed), 200, 'log-out on B');
  await refuseSoon(() => a.get('/me', refreshed), 'reading on A after the log-out');
  refuse(await a.post('/auth/refresh', { refreshToken: refreshed.refreshToken }), 'invalid', 'refresh after the log-out');
  yield 'logged out on B: refused on A, access and refresh token alike';

  const stolen = await signIn(GRACE, 'kiosk');
  const first = expectAnswer(await a.post('/auth/refresh', { refreshToken: stolen.refreshToken }), 200, 'first refresh').body as Tokens;
  const second = expectAnswer(await b.post('/auth/refresh', { refreshToken: first.refreshToken }), 200, 'second refresh').body as Tokens;
  const reuse = await b.post('/auth/refresh', { refreshToken: stolen.refreshToken });
  refuse(reuse, 'revoked', 'reuse of an old refresh token');
  await refuseSoon(() => a.get('/me', second), 'reading after the reuse');
  refuse(await a.post('/auth/refresh', { refreshToken: second.refreshToken }), 'revoked', 'refresh after the reuse');
  yield `an old refresh token turned up again and ended its session, for thief and owner: "${(reuse.body as { message: string }).message}"`;

  const last = await signIn(GRACE, 'train');
  refuse(
    await b.post('/admin/users/user-2/logout', {}, last),
    'insufficient_scope',
    "logging out a user without the administrator's scope",
    403,
  );
  expectAnswer(await b.post('/admin/users/user-2/logout', {}, adas), 200, 'log-out of a user by an administrator');
  await refuseSoon(() => a.get('/me', last), 'reading after the administrator');
  const info = expectAnswer(await a.get('/info', adas), 200, 'server information').body as { redis: string };
  yield `an administrator logged the user out, and read: Redis ${info.redis}`;
}

function expectAnswer(answer: Answer | undefined, status: number, what: string): Answer {
  assert.equal(answer?.status, status, `${what} should be answered ${status}, but was ${answer?.status}: ${JSON.stringify(answer?.body)}`);
  return answer;
}

/** What was ended on one instance the other hears of in milliseconds. */
async function refuseSoon(ask: () => Promise<Answer>, what: string): Promise<void> {
  const deadline = performance.now() + 2_000;
  let answer = await ask();
  while (answer.status === 200 && performance.now() < deadline) {
    await sleep(5);
    answer = await ask();
  }
  refuse(answer, 'revoked', what);
}

function refuse(answer: Answer, reason: string, what: string, status = 401): void {
  const told = (expectAnswer(answer, status, what).body as { reason?: string }).reason;
  assert.equal(told, reason, `${what} should be refused as ${reason}, but was as ${told}`);
}
