import { createHmac, createSecretKey, randomBytes, timingSafeEqual } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import { createVerifier } from 'fast-jwt';
import jsonwebtoken from 'jsonwebtoken';
import { accessTokens, type BenchServer, NAMES, startBenchServer } from './bench-server.js';
import { compare, type Comparison, type Pair } from './comparison.js';
import { whole } from './format.js';
import { FreshTokens, partsOf } from './fresh-tokens.js';
import { inSequence, inTurns, type Loop } from './rounds.js';
import { versionOf } from './version-of.js';

const ROUNDS = 21;
const DISTINCT = 10_000;
/** More than can be verified in a turn. */
const UNSEEN = 40_000;
export const LIFE = '2h';

/** HS256 in one process, each beside the bare HMAC of the same tokens. */
export async function compareVerify(): Promise<Comparison[]> {
  const secret = randomBytes(32).toString('hex');
  await using server = await startBenchServer({ jwt: { secret, ...NAMES }, sessions: { accessTokenTtl: LIFE } });
  const tokens = await accessTokens(server, DISTINCT);
  const hot = tokens.slice(0, 1);
  // remembered from the second sight on
  for (let sight = 0; sight < 2; sight++) for (const token of tokens) await server.sessions.verify(token);
  const key = createSecretKey(secret, 'utf8');
  const hmacOf = (input: string): Buffer => createHmac('sha256', key).update(input).digest();
  const fresh = new FreshTokens(hot[0]!, UNSEEN, hmacOf);

  const bareHot = bareHmac('bare HMAC of one token', secret, hot);
  const bareFresh = fresh.checked('bare HMAC of as many', (input, signature) => timingSafeEqual(hmacOf(input), signature));
  const bareMany = bareHmac(`bare HMAC of ${whole(DISTINCT)} tokens in turn`, secret, tokens);
  const pairs: Pair<Loop>[] = [
    { ours: verify('`verify` of one token', server, hot), baseline: bareHot, goal: 4 },
    { ours: verifyOutOfBytes(server, hot[0]!), baseline: bareHot },
    { ours: verify(`\`verify\` of ${whole(DISTINCT)} tokens in turn`, server, tokens), baseline: bareMany },
    { ours: fresh.verified('`verify` of tokens not seen before', server.sessions), baseline: bareFresh, goal: 0.45 },
    ...(await peers(secret, hot[0]!)).map((ours) => ({ ours, baseline: bareHot })),
  ];
  const loops = [bareHot, bareMany, bareFresh, ...pairs.map(({ ours }) => ours)];
  const measured = await inTurns(loops, ROUNDS, (loop) => inSequence(loop));
  return pairs.map((pair) => compare(pair, measured));
}

/** What nobody who checks a signature can do without; what is compared is at hand. */
function bareHmac(name: string, secret: string, tokens: readonly string[]): Loop {
  const key = createSecretKey(secret, 'utf8');
  const parts = tokens.map(partsOf);
  let next = 0;
  return {
    name,
    run(times) {
      for (let n = 0; n < times; n++) {
        const { input, signature } = parts[next++ % parts.length]!;
        if (!timingSafeEqual(createHmac('sha256', key).update(input).digest(), signature)) throw new Error('not genuine');
      }
    },
  };
}

function verify(name: string, { sessions }: Pick<BenchServer, 'sessions'>, tokens: readonly string[]): Loop {
  let next = 0;
  return {
    name,
    async run(times) {
      for (let n = 0; n < times; n++) await sessions.verify(tokens[next++ % tokens.length]!);
    },
  };
}

/** As a request brings it: a text that nobody has looked at yet. */
function verifyOutOfBytes({ sessions }: BenchServer, token: string): Loop {
  const bytes = Buffer.from(token, 'latin1');
  return {
    name: '`verify` of one token, read anew out of bytes each time',
    async run(times) {
      for (let n = 0; n < times; n++) await sessions.verify(bytes.toString('latin1'));
    },
  };
}

/** Others, of one token, none of which asks whether its session lives. */
async function peers(secret: string, token: string): Promise<Loop[]> {
  const [ofJsonwebtoken, ofNestJwt, ofFastJwt] = await Promise.all(['jsonwebtoken', '@nestjs/jwt', 'fast-jwt'].map(versionOf));
  const key = createSecretKey(secret, 'utf8');
  const checks = { ...NAMES, algorithms: ['HS256' as const] };
  const nest = new JwtService({ secret, verifyOptions: checks });
  const fastJwt = { key: secret, algorithms: ['HS256' as const], allowedIss: NAMES.issuer, allowedAud: NAMES.audience };
  const fast = createVerifier(fastJwt);
  const caching = createVerifier({ ...fastJwt, cache: DISTINCT });
  return [
    each(`jsonwebtoken ${ofJsonwebtoken}, KeyObject`, () => void jsonwebtoken.verify(token, key, checks)),
    {
      name: `@nestjs/jwt ${ofNestJwt} \`verifyAsync\`, secret as text`,
      async run(times) {
        for (let n = 0; n < times; n++) await nest.verifyAsync(token);
      },
    },
    each(`fast-jwt ${ofFastJwt}`, () => void fast(token)),
    each(`fast-jwt ${ofFastJwt}, with its cache`, () => void caching(token)),
  ];
}

function each(name: string, call: () => void): Loop {
  return {
    name,
    run(times) {
      for (let n = 0; n < times; n++) call();
    },
  };
}
