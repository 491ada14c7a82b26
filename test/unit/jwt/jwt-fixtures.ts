import { createSecretKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import type { AccessTokenContent } from '../../../lib/jwt/index.js';
import type { Algorithm, ResolvedJwtKey, ResolvedJwtOptions } from '../../../lib/options/index.js';
import { encodeIdentity, hashTenant, slotTag } from '../../../lib/redis/index.js';

export const ISSUER = 'https://issuer.example';
export const AUDIENCE = 'api';
export const NAMESPACE = 'bmFtZXNwYWNlIGFi';

export const secretKey = createSecretKey(randomBytes(64));
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' });
const ed25519 = generateKeyPairSync('ed25519');

const PAIRS: Record<Algorithm, { privateKey: KeyObject; publicKey: KeyObject }> = {
  HS256: { privateKey: secretKey, publicKey: secretKey },
  HS384: { privateKey: secretKey, publicKey: secretKey },
  HS512: { privateKey: secretKey, publicKey: secretKey },
  RS256: rsa,
  RS384: rsa,
  RS512: rsa,
  PS256: rsa,
  PS384: rsa,
  PS512: rsa,
  ES256: p256,
  ES384: p384,
  ES512: p521,
  EdDSA: ed25519,
};

export const ALGORITHMS = Object.keys(PAIRS) as Algorithm[];

export function keyOf(algorithm: Algorithm, kid?: string): ResolvedJwtKey & { signingKey: KeyObject } {
  const { privateKey, publicKey } = PAIRS[algorithm];
  return { algorithm, signingKey: privateKey, verifyingKey: publicKey, ...(kid === undefined ? {} : { kid }) };
}

export function jwtOptions(keys: ResolvedJwtKey[], changes: Partial<ResolvedJwtOptions> = {}): ResolvedJwtOptions {
  return { keys, issuer: ISSUER, audience: [AUDIENCE], clockToleranceMs: 5_000, ...changes };
}

export function sessionIdOf(userId: string, tenant?: string): string {
  const identity = encodeIdentity(tenant === undefined ? { userId } : { userId, tenant });
  return slotTag(identity) + (tenant === undefined ? '' : hashTenant(tenant)) + randomBytes(16).toString('base64url');
}

export function contentOf(userId = 'alice', changes: Partial<AccessTokenContent> = {}): AccessTokenContent {
  return { userId, sessionId: sessionIdOf(userId, changes.tenant), claims: { role: 'admin' }, scopes: ['read', 'write'], ...changes };
}

export function base64url(value: unknown): string {
  const text = typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value);
  return Buffer.from(text as string).toString('base64url');
}

export function decodePart(token: string, index: 0 | 1): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[index]!, 'base64url').toString()) as Record<string, unknown>;
}
