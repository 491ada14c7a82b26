import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { client } from '../../sample/client.js';
import { playStory } from '../../sample/story.js';
import { until } from '../support/until.js';
import { SampleInstances } from './sample.instances.js';

interface Tokens {
  sessionId: string;
  accessToken: string;
  refreshToken: string;
}

const GRACE = { username: 'grace', password: 'nanosecond-wire' };
const ADA = { username: 'ada', password: 'analytical-engine' };

let sample: SampleInstances;
let urlOfA: string;
let urlOfB: string;
let a: ReturnType<typeof client>;
let b: ReturnType<typeof client>;

beforeAll(async () => {
  sample = await SampleInstances.onPrivateRedis();
  [urlOfA, urlOfB] = [await sample.start('A'), await sample.start('B')];
  [a, b] = [client(urlOfA), client(urlOfB)];
});

afterAll(() => sample[Symbol.asyncDispose]());

const signIn = async (user = GRACE, device = 'laptop', on = a): Promise<Tokens> => {
  const answer = await on.post('/auth/login', { ...user, device });
  expect(answer.status).toBe(200);
  return answer.body as Tokens;
};

/** What was ended on one instance is refused on the other as soon as that has heard of it: in milliseconds. */
const refusedOn = (on: typeof a, tokens: Tokens) =>
  until(
    async () => {
      const answer = await on.get('/me', tokens);
      return answer.status === 401 && answer;
    },
    { within: 2_500 },
  );

describe('the story', { timeout: 180_000 }, () => {
  it('plays to its end on two instances', async () => {
    const lines: string[] = [];
    expect(await playStory(urlOfA, urlOfB, (line) => lines.push(line)), lines.join('\n')).toBe(true);
    expect(lines.length).toBeGreaterThan(8);
    expect(lines.filter((line) => !line.startsWith('✓'))).toEqual([]);
  });

  it('fails, and says where, when the instances do not share their sessions', async () => {
    // With the same secret: it is the session that B does not know, not the token.
    await using another = await SampleInstances.onPrivateRedis({ secret: sample.secret });
    const elsewhere = await another.start('elsewhere');
    const lines: string[] = [];
    expect(await playStory(urlOfA, elsewhere, (line) => lines.push(line))).toBe(false);
    expect(lines.at(-1)).toMatch(/^✗ reading on B should be answered 200, but was 401/);
  });
});

describe('POST /auth/login', () => {
  it('gives a pair of tokens and never the password', async () => {
    const { status, body, headers } = await a.post('/auth/login', GRACE);
    expect(status).toBe(200);
    expect(body).toMatchObject({ tokenType: 'Bearer', expiresIn: 900, accessToken: expect.any(String), refreshToken: expect.any(String) });
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.getSetCookie()).toEqual([]);
  });

  it.each([
    ['a wrong password', { ...GRACE, password: 'wrong' }],
    ['an unknown user', { username: 'nobody', password: 'wrong' }],
    ['a user name of the prototype', { username: '__proto__', password: 'wrong' }],
  ])('answers %s with the same 401', async (_what, body) => {
    const answer = await a.post('/auth/login', body);
    expect(answer).toMatchObject({ status: 401, body: { message: 'wrong user name or password' } });
  });

  it.each([
    ['no body', undefined],
    ['an array', []],
    ['a number', 1],
    ['no password', { username: 'grace' }],
    ['an object as user name', { ...GRACE, username: { $ne: null } }],
    ['an empty password', { ...GRACE, password: '' }],
    ['a password of 2 kB', { ...GRACE, password: 'x'.repeat(2048) }],
    ['a device that is no string', { ...GRACE, device: ['laptop'] }],
    ['a device with a lone surrogate', { ...GRACE, device: '\ud800' }],
    ['cookies that is no boolean', { ...GRACE, cookies: 'yes' }],
  ])('answers %s with 400', async (_what, body) => {
    expect((await a.post('/auth/login', body)).status).toBe(400);
  });

  it('answers text that is no JSON with 400', async () => {
    const response = await fetch(`${urlOfA}/auth/login`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{' });
    expect(response.status).toBe(400);
  });

  it('refuses a form that another site posts', async () => {
    const response = await fetch(`${urlOfA}/auth/login`, {
      method: 'POST',
      headers: { Origin: 'https://evil.example', 'Content-Type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(GRACE),
    });
    expect(response.status).toBe(403);
  });

  it('gives an administrator a shorter session: an hour unused, eight in all', async () => {
    const tokens = await signIn(ADA);
    const list = (await b.get('/sessions', tokens)).body as { sessionId: string; expiresAt: string }[];
    const expiresAt = Date.parse(list.find(({ sessionId }) => sessionId === tokens.sessionId)?.expiresAt ?? '');
    expect(expiresAt - Date.now()).toBeLessThanOrEqual(3_601_000);
    expect(expiresAt - Date.now()).toBeGreaterThan(3_500_000);
  });
});

describe('POST /auth/refresh', () => {
  it('rotates, on either instance', async () => {
    const old = await signIn();
    const { status, body } = await b.post('/auth/refresh', { refreshToken: old.refreshToken });
    expect(status).toBe(200);
    expect((body as Tokens).refreshToken).not.toBe(old.refreshToken);
    expect((await a.get('/me', body as Tokens)).status).toBe(200);
  });

  it.each([
    ['no token', {}, 401, undefined],
    ['a forged token', { refreshToken: 'forged' }, 401, expect.stringMatching(/^(malformed|invalid)$/)],
    ['a number', { refreshToken: 1 }, 400, undefined],
  ])('answers %s', async (_what, body, status, reason) => {
    const answer = await a.post('/auth/refresh', body);
    expect(answer.status).toBe(status);
    expect((answer.body as { reason?: string }).reason).toEqual(reason);
  });
});

describe('POST /auth/logout', () => {
  it('takes the access token', async () => {
    const tokens = await signIn();
    expect(await b.post('/auth/logout', undefined, tokens)).toMatchObject({ status: 200, body: { loggedOut: true } });
    expect(await refusedOn(a, tokens)).toMatchObject({ body: { reason: 'revoked' } });
    expect(await a.post('/auth/logout', undefined, tokens)).toMatchObject({ status: 200, body: { loggedOut: false } });
  });

  it('takes the refresh token, which is all that is left after a night', async () => {
    const tokens = await signIn();
    expect(await b.post('/auth/logout', { refreshToken: tokens.refreshToken })).toMatchObject({ body: { loggedOut: true } });
    await refusedOn(a, tokens);
  });

  it('says so when there was nothing to end', async () => {
    expect(await a.post('/auth/logout', {})).toMatchObject({ status: 200, body: { loggedOut: false } });
  });
});

describe('GET /recovery-codes', () => {
  afterEach(() => void vi.useRealTimers());

  it('wants the password again after five minutes, and then opens', async () => {
    const tokens = await signIn();
    expect((await a.get('/recovery-codes', tokens)).status).toBe(200);

    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 6 * 60_000 });
    const stale = await a.get('/recovery-codes', tokens);
    expect(stale).toMatchObject({ status: 401, body: { reason: 'reauthentication_required' } });
    expect(stale.headers.get('www-authenticate')).toContain('max_age="300"');
    expect((await a.post('/auth/reauthenticate', { password: 'guess' }, tokens)).status).toBe(401);
    const fresh = (await a.post('/auth/reauthenticate', { password: GRACE.password }, tokens)).body as Tokens;
    expect(fresh.sessionId).toBe(tokens.sessionId);
    expect(await b.get('/recovery-codes', fresh)).toMatchObject({ status: 200, body: { codes: expect.any(Array) } });
  });
});

describe('my sessions', () => {
  it('are listed with name, address and browser, and which is this one', async () => {
    const [laptop, phone] = [await signIn(GRACE, 'my laptop'), await signIn(GRACE, 'my phone', b)];
    const list = (await b.get('/sessions', phone)).body as { sessionId: string }[];
    expect(list.find(({ sessionId }) => sessionId === laptop.sessionId)).toEqual({
      sessionId: laptop.sessionId,
      current: false,
      device: { name: 'my laptop', ip: expect.stringContaining('127.0.0.1'), userAgent: 'node' },
      createdAt: expect.any(String),
      lastSeenAt: expect.any(String),
      expiresAt: expect.any(String),
    });
    expect(list.find(({ sessionId }) => sessionId === phone.sessionId)).toMatchObject({ current: true });
    expect(JSON.stringify(list)).not.toContain(phone.refreshToken);
  });

  it('end one by one; those of others cannot be told from none', async () => {
    const [laptop, phone, other] = [await signIn(GRACE), await signIn(GRACE, 'phone'), await signIn(ADA)];
    expect((await a.delete(`/sessions/${phone.sessionId}`, laptop)).status).toBe(204);
    expect(await refusedOn(b, phone)).toMatchObject({ body: { reason: 'revoked' } });
    const again = await a.delete(`/sessions/${phone.sessionId}`, laptop);
    const foreign = await a.delete(`/sessions/${other.sessionId}`, laptop);
    expect(foreign).toMatchObject({ status: 404, body: again.body });
    expect((await a.get('/me', other)).status).toBe(200);
  });

  it.each(['no-such-session', '%00', '*', encodeURIComponent('{x}:😀'), 'x'.repeat(300)])('answers the id %s with a 4xx', async (id) => {
    const { status } = await a.delete(`/sessions/${id}`, await signIn());
    expect([400, 404]).toContain(status);
  });

  it('end all but this one', async () => {
    const [here, there] = [await signIn(), await signIn(GRACE, 'there', b)];
    const { status, body } = await b.post('/sessions/revoke-others', {}, here);
    expect(status).toBe(200);
    expect((body as { ended: number }).ended).toBeGreaterThanOrEqual(1);
    await refusedOn(a, there);
    expect((await a.get('/sessions', here)).body).toHaveLength(1);
  });

  /** The stream of a session's events on A; `ended` once the server has closed it. */
  const listen = async ({ accessToken }: Tokens) => {
    const abort = new AbortController();
    const stream = await fetch(`${urlOfA}/sessions/events`, {
      headers: { Authorization: `Bearer ${accessToken}`, Accept: 'text/event-stream' },
      signal: abort.signal,
    });
    expect(stream.headers.get('content-type')).toContain('text/event-stream');
    const events = { heard: '', ended: false };
    const listening = (async () => {
      for await (const chunk of stream.body ?? []) events.heard += Buffer.from(chunk).toString();
      events.ended = true;
    })().catch(() => undefined);
    const stop = async (): Promise<void> => {
      abort.abort();
      await listening;
    };
    return Object.assign(events, { [Symbol.asyncDispose]: stop });
  };

  it('tell what happens to them as events, from the other instance too', async () => {
    const [here, there] = [await signIn(), await signIn(GRACE, 'there')];
    await using events = await listen(here);
    expect((await b.delete(`/sessions/${there.sessionId}`, here)).status).toBe(204);
    await until(() => events.heard.includes(`{"type":"revoked","sessionId":"${there.sessionId}"}`));
    expect(events.ended).toBe(false);
  });

  it('end their stream of events when they end, with that as its last', async () => {
    const [here, there] = [await signIn(), await signIn(GRACE, 'there')];
    await using events = await listen(here);
    expect((await b.post('/auth/logout', undefined, here)).status).toBe(200);
    await until(() => events.ended);
    expect(events.heard.trimEnd().endsWith(`{"type":"revoked","sessionId":"${here.sessionId}"}`)).toBe(true);
    expect(events.heard).not.toContain(there.sessionId);
  });
});

describe('the administrator', () => {
  it('logs a user out everywhere; a member may not', async () => {
    const [admin, member] = [await signIn(ADA), await signIn(GRACE)];
    expect(await a.post('/admin/users/user-1/logout', {}, member)).toMatchObject({ status: 403, body: { reason: 'insufficient_scope' } });
    expect((await b.post('/admin/users/user-2/logout', {}, admin)).status).toBe(200);
    expect(await refusedOn(a, member)).toMatchObject({ body: { reason: 'revoked' } });
    expect((await a.post('/admin/users/user-9/logout', {}, admin)).status).toBe(404);
  });

  it('reads what server this is; a member may not', async () => {
    expect((await a.get('/info', await signIn(ADA))).body).toEqual({
      redis: expect.stringMatching(/^\d+\.\d+/),
      uptime: expect.any(Number),
      keys: expect.any(Number),
    });
    expect((await a.get('/info', await signIn(GRACE))).status).toBe(403);
  });
});

describe('with cookies', () => {
  const withCookies = async (on: string, method: string, path: string, cookies: string[], headers: Record<string, string> = {}) =>
    fetch(on + path, { method, headers: { Cookie: cookies.map((cookie) => cookie.split(';')[0]).join('; '), ...headers } });

  it('signs in without a token in the answer, reads, refreshes and logs out on either instance', async () => {
    const login = await a.post('/auth/login', { ...GRACE, cookies: true });
    const cookies = login.headers.getSetCookie();
    expect(Object.keys(login.body as object).toSorted()).toEqual(['expiresIn', 'sessionId']);
    expect(cookies.map((cookie) => cookie.split('=')[0])).toEqual(['__Host-access_token', '__Secure-refresh_token']);

    expect((await withCookies(urlOfB, 'GET', '/me', cookies)).status).toBe(200);
    const refreshed = await withCookies(urlOfB, 'POST', '/auth/refresh', cookies, { 'Sec-Fetch-Site': 'same-origin' });
    expect(refreshed.status).toBe(200);
    const next = refreshed.headers.getSetCookie();
    expect((await withCookies(urlOfA, 'GET', '/me', next)).status).toBe(200);

    const logout = await withCookies(urlOfA, 'POST', '/auth/logout', next, { 'Sec-Fetch-Site': 'same-origin' });
    expect(await logout.json()).toEqual({ loggedOut: true });
    await until(async () => (await withCookies(urlOfB, 'GET', '/me', next)).status === 401, { within: 2_500 });
  });

  it('keeps the cookies when Redis could not be told of the log-out, so that it can be tried again', async () => {
    const cookies = (await a.post('/auth/login', { ...GRACE, cookies: true })).headers.getSetCookie();
    await sample.redis.pause();
    try {
      const logout = await withCookies(urlOfA, 'POST', '/auth/logout', cookies, { 'Sec-Fetch-Site': 'same-origin' });
      expect(logout.status).toBe(503);
      expect(logout.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      expect(logout.headers.getSetCookie()).toEqual([]);
    } finally {
      await sample.redis.resume();
    }
  });

  it('does nothing for another site', async () => {
    const cookies = (await a.post('/auth/login', { ...GRACE, cookies: true })).headers.getSetCookie();
    for (const path of ['/sessions/revoke-others', '/auth/refresh', '/auth/logout']) {
      expect((await withCookies(urlOfA, 'POST', path, cookies, { 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403);
    }
    expect((await withCookies(urlOfA, 'GET', '/me', cookies)).status).toBe(200);
  });
});

describe('keys for programs', () => {
  const report = (key: string, on = urlOfB) => fetch(new URL('/report', on), { headers: { 'x-api-key': key } });

  it('are shown once, let in on every instance, are listed without themselves and gone when deleted', async () => {
    const grace = await signIn();
    const made = (await a.post('/api-keys', { name: 'backup' }, grace)).body as { id: string; key: string };
    expect(await (await report(made.key)).json()).toEqual({ for: 'user-2', by: 'backup' });
    const listed = await b.get('/api-keys', grace);
    expect(listed.body).toEqual(expect.arrayContaining([expect.objectContaining({ id: made.id, name: 'backup' })]));
    expect(JSON.stringify(listed.body)).not.toContain(made.key);
    const ada = await signIn(ADA);
    expect((await b.delete(`/api-keys/${made.id}`, ada)).status).toBe(404);
    expect((await b.delete(`/api-keys/${made.id}`, grace)).status).toBe(204);
    expect((await report(made.key, urlOfA)).status).toBe(401);
  });

  it('are no sessions, nor sessions keys', async () => {
    const grace = await signIn();
    expect((await report(grace.accessToken)).status).toBe(401);
    expect((await fetch(new URL('/report', urlOfA))).status).toBe(401);
    const { key } = (await a.post('/api-keys', { name: 'backup' }, grace)).body as { key: string };
    expect((await a.get('/me', { accessToken: key })).status).toBe(401);
  });
});

describe('the page', () => {
  it.each([
    ['/', 'text/html'],
    ['/page.css', 'text/css'],
    ['/page.js', 'text/javascript'],
  ])('%s is there for everyone, as %s', async (path, type) => {
    const response = await fetch(urlOfA + path);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain(type);
    expect(response.headers.get('content-security-policy')).toContain("script-src 'self'");
  });

  it('says which instance answered', async () => {
    expect([(await a.get('/me')).instance, (await b.get('/me')).instance]).toEqual(['A', 'B']);
  });
});
