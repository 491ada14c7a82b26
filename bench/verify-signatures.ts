import { generateKeyPairSync, type KeyObject, sign, verify as verifySignature } from 'node:crypto';
import { NAMES, startBenchServer } from './bench-server.js';
import { compare, type Comparison } from './comparison.js';
import { FreshTokens } from './fresh-tokens.js';
import { inSequence, inTurns } from './rounds.js';
import { LIFE } from './verify.js';

interface Signing {
  algorithm: 'RS256' | 'ES256' | 'EdDSA';
  hash: string | null;
  keys: () => { privateKey: KeyObject; publicKey: KeyObject };
  /** More than can be verified in a turn, and not many more: signing takes its time. */
  tokens: number;
  goal?: number;
}

const ROUNDS = 21;
const SIGNINGS: readonly Signing[] = [
  { algorithm: 'RS256', hash: 'sha256', keys: () => generateKeyPairSync('rsa', { modulusLength: 2048 }), tokens: 8_000, goal: 0.85 },
  { algorithm: 'ES256', hash: 'sha256', keys: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }), tokens: 4_000, goal: 0.85 },
  { algorithm: 'EdDSA', hash: null, keys: () => generateKeyPairSync('ed25519'), tokens: 4_000 },
];

/** Tokens that were not seen before, each beside `crypto.verify` of the same. */
export async function compareSignatures(): Promise<Comparison[]> {
  const compared: Comparison[] = [];
  for (const signing of SIGNINGS) compared.push(await compareSigned(signing));
  return compared;
}

async function compareSigned({ algorithm, hash, keys, tokens: count, goal }: Signing): Promise<Comparison> {
  const { privateKey, publicKey } = keys();
  await using server = await startBenchServer({ jwt: { privateKey, algorithm, ...NAMES }, sessions: { accessTokenTtl: LIFE } });
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' as const };
  const { accessToken } = await server.sessions.create('ada');
  const fresh = new FreshTokens(accessToken, count, (input) => sign(hash, Buffer.from(input), key));
  const ours = fresh.verified(`\`verify\` of tokens not seen before, ${algorithm}`, server.sessions);
  const options = { key: publicKey, dsaEncoding: 'ieee-p1363' as const };
  const bare = fresh.checked('`crypto.verify`', (input, signature) => verifySignature(hash, Buffer.from(input), options, signature));
  const measured = await inTurns([ours, bare], ROUNDS, (loop) => inSequence(loop));
  return compare({ ours, baseline: bare, ...(goal !== undefined && { goal }) }, measured);
}
