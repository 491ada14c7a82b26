import type { KeyObject } from 'node:crypto';
import { weaknessOf } from '../options/index.js';
import { accessOf, type AuditedOptions } from './facts.js';
import type { AuditFinding } from './finding.js';

/** A secret among the options, and what it is for. */
interface PlacedSecret {
  readonly path: string;
  readonly purpose: 'jwt' | 'refresh' | 'oauth' | 'redis';
  readonly bytes: Buffer;
}

const MAKE_ANOTHER = 'give each a secret of its own; make one with: openssl rand -base64 48';

/** Those that can be guessed, although they are long enough. */
export function weakSecrets(options: AuditedOptions): AuditFinding[] {
  return secretsOf(options)
    .filter(({ purpose }) => purpose !== 'redis')
    .flatMap(({ path, bytes }): AuditFinding[] => {
      const [weakness] = weaknessOf(bytes)?.split('; ') ?? [];
      const message = weakness ?? (repeats(bytes) ? 'repeats a few characters again and again' : undefined);
      const advice = 'make one with: openssl rand -base64 48';
      if (message !== undefined) return [{ code: 'weak-secret', severity: 'error', path, message, advice }];
      if (!isWords(bytes.toString('latin1'))) return [];
      return [{ code: 'weak-secret', severity: 'warning', path, message: 'is made of words, which can be guessed', advice }];
    });
}

/** One secret for two purposes: who learns it from one place has the other, too. */
export function sharedSecrets(options: AuditedOptions, others: readonly AuditedOptions[]): AuditFinding[] {
  const secrets = secretsOf(options);
  const within = secrets.flatMap((secret, n): AuditFinding[] => {
    const same = secrets.slice(0, n).find((other) => other.purpose !== secret.purpose && other.bytes.equals(secret.bytes));
    return same === undefined ? [] : [shared(secret.path, same.path)];
  });
  const elsewhere = others.flatMap((other) =>
    secretsOf(other)
      .filter(({ purpose }) => purpose !== 'redis')
      .map((secret) => ({ ...secret, path: `${secret.path} of the instance "${other.instance}"` })),
  );
  const across = secrets.flatMap((secret): AuditFinding[] => {
    if (secret.purpose === 'redis') return [];
    const same = elsewhere.find(({ bytes }) => bytes.equals(secret.bytes));
    return same === undefined ? [] : [shared(secret.path, same.path)];
  });
  return [...within, ...across];
}

function shared(path: string, other: string): AuditFinding {
  return { code: 'shared-secret', severity: 'error', path, message: `is the same as ${other}`, advice: MAKE_ANOTHER };
}

function secretsOf({ redis, jwt, sessions, oauth }: AuditedOptions): PlacedSecret[] {
  const { password } = accessOf(redis);
  const encryption = oauth?.encryption;
  return [
    ...(password ? [{ path: 'redis.password', purpose: 'redis' as const, bytes: Buffer.from(password) }] : []),
    ...(jwt?.keys ?? []).flatMap(({ kid, signingKey }, n) => {
      return placed(kid === undefined ? 'jwt.secret' : `jwt.keys[${n}].secret`, 'jwt', signingKey);
    }),
    ...(sessions?.refreshKeys ?? []).flatMap(({ secret }, n) => placed(`sessions.refreshKeys[${n}].secret`, 'refresh', secret)),
    ...(encryption && 'keys' in encryption ? encryption.keys : []).flatMap(({ secret }, n) => {
      return placed(`oauth.encryption.keys[${n}].key`, 'oauth', secret);
    }),
  ];
}

function placed(path: string, purpose: PlacedSecret['purpose'], key: KeyObject | undefined): PlacedSecret[] {
  return key?.type === 'secret' ? [{ path, purpose, bytes: key.export() }] : [];
}

/** Made of a short piece that is written again and again. */
function repeats(bytes: Buffer): boolean {
  for (let period = 1; period <= bytes.length / 2 && period <= 16; period++) {
    if (bytes.subarray(period).equals(bytes.subarray(0, bytes.length - period))) return true;
  }
  return false;
}

/** Words and numbers with something between them: what a person made up, and no generator. */
function isWords(text: string): boolean {
  const words = text.split(/[-_ .:/]+/);
  return words.length >= 3 && words.every((word) => /^([A-Z]?[a-z]+|[A-Z]+|\d{1,4})[!?]?$/.test(word));
}
