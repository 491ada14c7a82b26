import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AdapterFactory, type Configuration, type JWK, Provider } from 'oidc-provider';
import { vi } from 'vitest';
import { Browser } from './browser.js';

const CLIENT_ID = 'shop';
const CLIENT_SECRET = 'tests-only-kX7vQ2mPzR9sLw4t';
const CALLBACK = 'https://shop.example.com/callback';
const AFTER_LOGOUT = 'https://shop.example.com/bye';
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

const signingKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });

/** What an endpoint answered. */
export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** What the token endpoint gives. */
export interface Tokens {
  access_token: string;
  refresh_token: string;
  id_token: string;
}

/** A real authorization server on a port of its own. Everyone who comes is ann, and agrees. */
export class ProviderUnderTest implements AsyncDisposable {
  readonly serverErrors: Error[] = [];

  private constructor(
    readonly provider: Provider,
    private readonly server: Server,
    readonly issuer: string,
  ) {
    provider.on('server_error', (_ctx: unknown, error: Error) => this.serverErrors.push(error));
  }

  static async start(adapter: AdapterFactory): Promise<ProviderUnderTest> {
    // Its notices of what a real application would configure.
    for (const level of ['info', 'warn'] as const) vi.spyOn(console, level).mockImplementation(() => undefined);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const provider = new Provider(issuer, configuration(adapter));
    const answer = provider.callback();
    server.on('request', (req: IncomingMessage, res: ServerResponse) => {
      if (!req.url?.startsWith('/interaction/')) return void answer(req, res);
      agree(provider, req, res).catch((error: unknown) => res.writeHead(500).end(String(error)));
    });
    return new ProviderUnderTest(provider, server, issuer);
  }

  browser(): Browser {
    return new Browser(this.issuer);
  }

  /** Signs in, consents, and comes back with a code. */
  async authorize(browser = this.browser()): Promise<{ code: string; verifier: string }> {
    const verifier = randomBytes(32).toString('base64url');
    const query = new URLSearchParams({
      client_id: CLIENT_ID,
      response_type: 'code',
      scope: 'openid',
      redirect_uri: CALLBACK,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
    const response = await browser.go(`/auth?${query.toString()}`);
    const code = new URL(response.headers.get('location') ?? 'none:').searchParams.get('code');
    if (code === null) throw new Error(`no code: ${response.status} ${response.headers.get('location')} ${await response.text()}`);
    return { code, verifier };
  }

  async signIn(browser = this.browser()): Promise<Tokens> {
    const { status, body } = await this.exchange(await this.authorize(browser));
    if (status !== 200) throw new Error(`no tokens: ${JSON.stringify(body)}`);
    return body as unknown as Tokens;
  }

  exchange({ code, verifier }: { code: string; verifier: string }): Promise<Answer> {
    return this.ask('/token', { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: CALLBACK });
  }

  refresh(refreshToken: string): Promise<Answer> {
    return this.ask('/token', { grant_type: 'refresh_token', refresh_token: refreshToken });
  }

  startDevice(): Promise<Answer> {
    return this.ask('/device/auth', { scope: 'openid' });
  }

  /** Types the code in, confirms it, signs in and consents. */
  async approveDevice(userCode: string, browser = this.browser()): Promise<string> {
    const form = await (await browser.go('/device')).text();
    const confirm = await browser.post('/device', { xsrf: xsrfOf(form), user_code: userCode });
    const done = await browser.post('/device', { xsrf: xsrfOf(await confirm.text()), user_code: userCode, confirm: 'yes' });
    return done.text();
  }

  pollDevice(deviceCode: string): Promise<Answer> {
    return this.ask('/token', { grant_type: DEVICE_GRANT, device_code: deviceCode });
  }

  async revoke(token: string): Promise<void> {
    const { status, body } = await this.ask('/token/revocation', { token });
    if (status !== 200) throw new Error(`not revoked: ${JSON.stringify(body)}`);
  }

  async isActive(token: string): Promise<boolean> {
    const { status, body } = await this.ask('/token/introspection', { token });
    if (status !== 200) throw new Error(`not introspected: ${JSON.stringify(body)}`);
    return body['active'] === true;
  }

  /** The status of the userinfo endpoint. */
  async userinfo(accessToken: string): Promise<number> {
    const response = await fetch(`${this.issuer}/me`, { headers: { authorization: `Bearer ${accessToken}` } });
    await response.text();
    return response.status;
  }

  /** RP-initiated logout, confirmed. Where the browser is sent then. */
  async logOut(browser: Browser, idToken: string): Promise<string | null> {
    const query = new URLSearchParams({ id_token_hint: idToken, post_logout_redirect_uri: AFTER_LOGOUT });
    const page = await (await browser.go(`/session/end?${query.toString()}`)).text();
    const done = await browser.post('/session/end/confirm', { xsrf: xsrfOf(page), logout: 'yes' });
    return done.headers.get('location');
  }

  /** With a client's authentication. */
  async ask(path: string, form: Record<string, string>): Promise<Answer> {
    const authorization = `Basic ${Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString('base64')}`;
    const headers = { authorization, accept: 'application/json' };
    const response = await fetch(`${this.issuer}${path}`, { method: 'POST', headers, body: new URLSearchParams(form) });
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

function configuration(adapter: AdapterFactory): Configuration {
  return {
    adapter,
    jwks: { keys: [signingKey as JWK] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: [CALLBACK],
        post_logout_redirect_uris: [AFTER_LOGOUT],
        grant_types: ['authorization_code', 'refresh_token', DEVICE_GRANT],
      },
    ],
    findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    issueRefreshToken: () => Promise.resolve(true),
    rotateRefreshToken: true,
    ttl: {
      AccessToken: 600,
      AuthorizationCode: 60,
      DeviceCode: 600,
      Grant: 3600,
      IdToken: 600,
      Interaction: 600,
      RefreshToken: 3600,
      Session: 3600,
    },
    features: {
      devInteractions: { enabled: false },
      deviceFlow: { enabled: true },
      introspection: { enabled: true },
      registration: { enabled: true },
      registrationManagement: { enabled: true },
      revocation: { enabled: true },
      rpInitiatedLogout: { enabled: true },
    },
  };
}

async function agree(provider: Provider, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { prompt, params, session, grantId } = await provider.interactionDetails(req, res);
  if (prompt.name === 'login') return provider.interactionFinished(req, res, { login: { accountId: 'ann' } });
  const known = grantId === undefined ? undefined : await provider.Grant.find(grantId);
  const grant = known ?? new provider.Grant({ accountId: session!.accountId, clientId: params['client_id'] as string });
  grant.addOIDCScope('openid');
  return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } });
}

function xsrfOf(page: string): string {
  const value = /name="xsrf" value="([^"]+)"/.exec(page)?.[1];
  if (value === undefined) throw new Error(`no form: ${page}`);
  return value;
}
