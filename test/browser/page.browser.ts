import { randomBytes } from 'node:crypto';
import { startRedis, type TestRedis } from 'nestjs-redis-auth/testing';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, inject, it } from 'vitest';
import { client } from '../../sample/client.js';
import type { Instance } from '../../sample/instances.js';

// What `npm start` runs: the compiled sample, which finds its own main.js beside it.
const compiled = new URL('../../dist-sample/instances.js', import.meta.url).href;

const ACCESS_TTL_SECONDS = 4;

let redis: TestRedis;
let instances: Instance[] = [];
let browser: Browser;
const devices: { context: BrowserContext; errors: string[] }[] = [];

beforeAll(async () => {
  const { startInstance } = (await import(/* @vite-ignore */ compiled)) as typeof import('../../sample/instances.js');
  redis = await startRedis();
  const environment = {
    REDIS_URL: redis.url,
    JWT_SECRET: randomBytes(32).toString('base64url'),
    SESSION_ACCESS_TOKEN_TTL: `${ACCESS_TTL_SECONDS}s`,
  };
  instances = await Promise.all(['A', 'B'].map((name) => startInstance(name, 0, environment)));
  browser = await chromium.launch({
    executablePath: inject('chromiumPath'),
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
});

afterEach(async () => {
  // No test finds the sessions of the one before.
  const administration = client(instances[0]?.url ?? '');
  const { body } = await administration.post('/auth/login', { username: 'ada', password: 'analytical-engine' });
  await administration.post('/admin/users/user-2/logout', {}, body as { accessToken: string });
  const errors = devices.flatMap((device) => device.errors);
  await Promise.all(devices.splice(0).map(({ context }) => context.close()));
  expect(errors).toEqual([]);
});

afterAll(async () => {
  await browser?.close();
  await Promise.all(instances.map((instance) => instance.stop()));
  await redis?.stop();
});

/** A device of its own (cookies and all), with the page of one instance open. */
async function aDevice(instance: 0 | 1): Promise<{ page: Page; context: BrowserContext }> {
  const context = await browser.newContext();
  const errors: string[] = [];
  devices.push({ context, errors });
  const page = await context.newPage();
  page.on('pageerror', (error) => errors.push(String(error)));
  // A 401 shows on the console and is part of the story; what the security policy refused is not.
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) errors.push(message.text());
  });
  await page.goto(instances[instance]?.url ?? '');
  return { page, context };
}

async function signIn(page: Page, device: string): Promise<void> {
  await page.getByLabel('User name').fill('grace');
  await page.getByLabel('Password').fill('nanosecond-wire');
  await page.getByLabel('This device').fill(device);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Signed in as Grace Hopper' }).waitFor();
}

const item = (page: Page, device: string) => page.getByRole('listitem').filter({ hasText: device });
const accessCookie = async (context: BrowserContext) =>
  (await context.cookies()).find(({ name }) => name === '__Host-access_token')?.value ?? '';

it('signs in on two devices and two instances, and lists both on each', async () => {
  const [{ page: laptop }, { page: phone }] = [await aDevice(0), await aDevice(1)];
  await signIn(laptop, 'my laptop');
  await signIn(phone, 'my phone');
  // The laptop hears of the phone without a reload.
  for (const page of [laptop, phone]) {
    await item(page, 'my laptop').waitFor();
    await item(page, 'my phone').waitFor();
  }
  expect(await item(laptop, 'my laptop').innerText()).toContain('this device');
  expect(await item(laptop, 'my phone').innerText()).not.toContain('this device');
  expect(await item(laptop, 'my phone').innerText()).toMatch(/127\.0\.0\.1[\s\S]*HeadlessChrome/);
  expect(await laptop.locator('#instance').innerText()).toMatch(/^A \(localhost:\d+\)$/);
  expect(await phone.locator('#instance').innerText()).toMatch(/^B /);
  if (process.env.SCREENSHOTS) await laptop.screenshot({ path: `${process.env.SCREENSHOTS}/account.png` });
});

it('logs out there: the other page shows it by itself', async () => {
  const [{ page: laptop }, { page: phone }] = [await aDevice(0), await aDevice(1)];
  await signIn(laptop, 'my laptop');
  await signIn(phone, 'my phone');
  await item(laptop, 'my phone').getByRole('button', { name: 'Log out there' }).click();
  await phone.getByText('You were signed out from another device.').waitFor();
  expect(await phone.getByRole('heading', { name: 'Sign in' }).isVisible()).toBe(true);
  await item(laptop, 'my phone').waitFor({ state: 'detached' });
  if (process.env.SCREENSHOTS) await phone.screenshot({ path: `${process.env.SCREENSHOTS}/signed-out.png` });
});

it('logs out everywhere but here', async () => {
  const [{ page: laptop }, { page: phone }, { page: tablet }] = [await aDevice(0), await aDevice(1), await aDevice(0)];
  await signIn(laptop, 'my laptop');
  await signIn(phone, 'my phone');
  await signIn(tablet, 'my tablet');
  await item(laptop, 'my tablet').waitFor();
  await laptop.getByRole('button', { name: 'Log out everywhere but here' }).click();
  for (const page of [phone, tablet]) await page.getByText('You were signed out from another device.').waitFor();
  await laptop.getByText(/other sessions? (was|were) ended/).waitFor();
  expect(await laptop.getByRole('listitem').count()).toBe(1);
});

it('logs out here, and stays so after a reload', async () => {
  const { page, context } = await aDevice(0);
  await signIn(page, 'my laptop');
  await page.getByRole('button', { name: 'Log out here' }).click();
  await page.getByText('You are logged out.').waitFor();
  expect(await context.cookies()).toEqual([]);
  await page.reload();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
});

it('refreshes in the background: the session outlives its access token', async () => {
  const { page, context } = await aDevice(0);
  await signIn(page, 'my laptop');
  const first = await accessCookie(context);
  await expect.poll(() => accessCookie(context), { timeout: ACCESS_TTL_SECONDS * 1000 }).not.toBe(first);
  const second = await accessCookie(context);
  await expect.poll(() => accessCookie(context), { timeout: ACCESS_TTL_SECONDS * 1000 }).not.toBe(second);
  expect(await page.getByRole('heading', { name: 'Signed in as Grace Hopper' }).isVisible()).toBe(true);
  expect(await page.locator('#refreshed').innerText()).toMatch(/\d/);
});

it('refreshes once when the access token has run out, as after a night', async () => {
  const { page, context } = await aDevice(1);
  await signIn(page, 'my laptop');
  await context.clearCookies({ name: '__Host-access_token' });
  await page.reload();
  await page.getByRole('heading', { name: 'Signed in as Grace Hopper' }).waitFor();
});

it('says that the server cannot answer while Redis hangs, and goes on afterwards', async () => {
  const { page, context } = await aDevice(0);
  await signIn(page, 'my laptop');
  const before = await accessCookie(context);
  const lookAgain = () => page.evaluate(`document.dispatchEvent(new Event('visibilitychange'))`);
  const unreachable = page.getByText('The server cannot answer just now; nothing is lost, try again.');
  await redis.pause();
  try {
    await lookAgain();
    await unreachable.waitFor();
  } finally {
    await redis.resume();
  }
  await expect.poll(() => accessCookie(context), { timeout: 15_000 }).not.toMatch(new RegExp(`^(${before})?$`));
  await lookAgain();
  await unreachable.waitFor({ state: 'detached' });
  expect(await page.getByRole('heading', { name: 'Signed in as Grace Hopper' }).isVisible()).toBe(true);
});

it('keeps the tokens out of reach of scripts', async () => {
  const { page, context } = await aDevice(0);
  const answers: string[] = [];
  page.on(
    'response',
    (response) =>
      void response.text().then(
        (text) => answers.push(text),
        () => undefined,
      ),
  );
  await signIn(page, 'my laptop');
  const cookies = await context.cookies();
  expect(cookies.map(({ name, httpOnly, secure, sameSite, path }) => ({ name, httpOnly, secure, sameSite, path }))).toEqual(
    expect.arrayContaining([
      { name: '__Host-access_token', httpOnly: true, secure: true, sameSite: 'Lax', path: '/' },
      { name: '__Secure-refresh_token', httpOnly: true, secure: true, sameSite: 'Lax', path: '/auth' },
    ]),
  );
  const reachable = await page.evaluate<string>(
    `[document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.documentElement.outerHTML].join('\\n')`,
  );
  for (const { value } of cookies) {
    expect(reachable).not.toContain(value);
    expect(answers.join('\n')).not.toContain(value);
  }
});
