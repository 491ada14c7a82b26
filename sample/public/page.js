// The tokens are in HttpOnly cookies: nothing here ever sees one.

const byId = (id) => document.getElementById(id);
const [notice, signIn, account] = [byId('notice'), byId('sign-in'), byId('account')];

/** Why one was signed out, by the `reason` of the answer. */
const REASONS = {
  revoked: 'You were signed out from another device.',
  evicted: 'A newer sign-in took the place of this one.',
  expired: 'Your session has expired. Please sign in again.',
};

async function call(method, path, body) {
  try {
    const response = await fetch(path, {
      method,
      headers: body ? { 'Content-Type': 'application/json' } : {},
      body: body ? JSON.stringify(body) : null,
    });
    byId('instance').value = `${response.headers.get('X-Instance')} (${location.host})`;
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : {} };
  } catch {
    return { status: 0, body: { message: UNREACHABLE } };
  }
}

const UNREACHABLE = 'The server cannot answer just now; nothing is lost, try again.';

/** As `call`, with the session: an access token that has run out is refreshed, once; the end of the session is shown. */
async function callAsUser(method, path, body) {
  let answer = await call(method, path, body);
  // The cookie goes when its token expires, so that an expired one usually shows as a missing one.
  if (answer.status === 401 && ['missing', 'expired'].includes(answer.body.reason)) {
    if (!(await refresh())) return answer;
    answer = await call(method, path, body);
  }
  if (answer.status === 401) showSignedOut(answer.body.reason);
  if (answer.status === 0 || answer.status >= 500) notice.textContent = UNREACHABLE;
  else if (notice.textContent === UNREACHABLE) notice.textContent = '';
  return answer;
}

// --- refresh in the background ---

let refreshing;
let refreshTimer;

/** Whether the session goes on. However many ask at once, one request is made. */
function refresh() {
  refreshing ??= call('POST', '/auth/refresh')
    .then(({ status, body }) => {
      if (status === 401) showSignedOut(body.reason);
      if (status !== 200) return false;
      byId('refreshed').value = new Date().toLocaleTimeString();
      refreshIn(body.expiresIn * 0.75);
      return true;
    })
    .finally(() => (refreshing = undefined));
  return refreshing;
}

/** Some time before the access token expires; if the server cannot answer then, again soon. */
function refreshIn(seconds) {
  clearTimeout(refreshTimer);
  refreshTimer = setTimeout(async () => (await refresh()) || account.hidden || refreshIn(5), seconds * 1000);
}

// --- what happens elsewhere ---

let events;

/** Follows the user's sessions on every instance; the list and the session's own end show without a reload. */
function listen() {
  if (events && events.readyState !== EventSource.CLOSED) return;
  events = new EventSource('/sessions/events');
  events.onmessage = () => showSessions();
}

// Should an event get lost, the next look shows it.
setInterval(() => !account.hidden && !document.hidden && showSessions(), 10_000);
document.addEventListener('visibilitychange', () => !account.hidden && !document.hidden && showSessions());

// --- what is shown ---

/** The session has ended, or there was none: once, however many requests find out. */
function showSignedOut(reason) {
  if (signIn.hidden) showSignIn(REASONS[reason] ?? (account.hidden ? '' : 'Your session has ended. Please sign in again.'));
}

function showSignIn(message) {
  clearTimeout(refreshTimer);
  events?.close();
  notice.textContent = message;
  const wasSignedIn = !account.hidden;
  account.hidden = true;
  signIn.hidden = false;
  if (wasSignedIn) signIn.querySelector('input').focus();
}

async function showAccount() {
  const { status, body: me } = await callAsUser('GET', '/me');
  if (status !== 200) {
    if (status !== 401) setTimeout(showAccount, 3000);
    return;
  }
  refreshIn(me.ttl * 0.75);
  byId('name').textContent = me.name;
  notice.textContent = '';
  signIn.hidden = true;
  account.hidden = false;
  byId('account-title').focus();
  await showSessions();
}

async function showSessions() {
  const { status, body: sessions } = await callAsUser('GET', '/sessions');
  if (status !== 200) return;
  listen();
  const newestFirst = sessions.sort((one, other) => other.current - one.current || other.createdAt.localeCompare(one.createdAt));
  const focused = document.activeElement.closest('li')?.dataset.session;
  byId('sessions').replaceChildren(...newestFirst.map(sessionItem));
  if (focused)
    byId('sessions')
      .querySelector(`[data-session="${CSS.escape(focused)}"] button`)
      ?.focus();
  byId('log-out-others').disabled = sessions.length < 2;
}

function sessionItem({ sessionId, current, device = {}, createdAt, lastSeenAt }) {
  const item = byId('session').content.cloneNode(true).firstElementChild;
  const part = (name) => item.querySelector(`.${name}`);
  item.dataset.session = sessionId;
  part('device').textContent = device.name ?? 'unknown device';
  part('ip').textContent = device.ip ?? 'unknown address';
  part('agent').textContent = device.userAgent ?? '';
  part('agent').title = device.userAgent ?? '';
  showTime(part('created'), createdAt);
  showTime(part('last-seen'), lastSeenAt);
  part('badge').hidden = !current;
  const end = part('end');
  end.hidden = current;
  end.setAttribute('aria-label', `Log out there: ${device.name}`);
  end.addEventListener('click', () => logOutThere(sessionId, device.name));
  return item;
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

function showTime(element, iso) {
  const seconds = Math.round((Date.parse(iso) - Date.now()) / 1000);
  const [unit, length] = [
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
  ].find(([, size]) => -seconds >= size) ?? ['second', 1];
  element.dateTime = iso;
  element.title = new Date(iso).toLocaleString();
  element.textContent = -seconds < 10 ? 'just now' : relative.format(Math.round(seconds / length), unit);
}

// --- what one does ---

signIn.querySelector('form').addEventListener('submit', async (submitted) => {
  submitted.preventDefault();
  const { username, password, device } = Object.fromEntries(new FormData(submitted.target));
  const { status, body } = await call('POST', '/auth/login', { username, password, ...(device ? { device } : {}), cookies: true });
  if (status === 200) await showAccount();
  else notice.textContent = body.message;
});

byId('log-out').addEventListener('click', async () => {
  const { status } = await call('POST', '/auth/logout');
  if (status === 200) showSignIn('You are logged out.');
  else notice.textContent = 'The server could not log you out just now; please try again.';
});

byId('log-out-others').addEventListener('click', async () => {
  const { status, body } = await callAsUser('POST', '/sessions/revoke-others');
  if (status !== 200) return;
  notice.textContent = body.ended === 1 ? 'One other session was ended.' : `${body.ended} other sessions were ended.`;
  await showSessions();
});

async function logOutThere(sessionId, name) {
  const { status } = await callAsUser('DELETE', `/sessions/${sessionId}`);
  if (status === 204 || status === 404) notice.textContent = `${name} is logged out.`;
  await showSessions();
}

await showAccount();
