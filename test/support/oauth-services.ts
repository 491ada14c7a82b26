import { type ServedTokens, TokenIntrospection, TokenRevocation } from '../../lib/oauth/index.js';
import type { SessionService } from '../../lib/sessions/index.js';
import type { TokenStore } from '../../lib/tokens/index.js';
import { openSessions, testOptions } from './sessions.js';
import { openTokens } from './tokens.js';

/** What one instance revokes and introspects, without Nest around it. */
export interface OAuthServices extends AsyncDisposable {
  readonly sessions: SessionService;
  readonly tokens: TokenStore;
  readonly revocation: TokenRevocation;
  readonly introspection: TokenIntrospection;
  readonly keyPrefix: string;
}

export async function openOAuthServices(
  options: Parameters<typeof testOptions>[0],
  served: readonly ServedTokens[] = [],
): Promise<OAuthServices> {
  const same = testOptions(options);
  const { sessions, keyPrefix, ...of } = await openSessions(same);
  const { tokens, ...ofTokens } = await openTokens(same);
  return {
    sessions,
    tokens,
    keyPrefix,
    revocation: new TokenRevocation(sessions, tokens, served),
    introspection: new TokenIntrospection(sessions, tokens, served),
    async [Symbol.asyncDispose]() {
      await of[Symbol.asyncDispose]();
      await ofTokens[Symbol.asyncDispose]();
    },
  };
}

/** Texts that no server of ours ever issued, by what they are. */
export const FOREIGN_TEXTS: Readonly<Record<string, string>> = {
  'one character': 'x',
  'a generated token of nobody': 'A'.repeat(49),
  'an unsigned token': `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"ann"}').toString('base64url')}.`,
  'three empty parts': '..',
  'five empty parts': '....',
  'a refresh token with a wrong MAC': `0.${'A'.repeat(28)}.${'A'.repeat(43)}.1.${'A'.repeat(43)}`,
  'a lone surrogate': 'x\ud800',
  'more than 8 kB': 'x'.repeat(8_193),
  glob: '*',
  NUL: '\0',
  braces: '{x}',
};
