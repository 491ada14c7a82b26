import { createCipheriv, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { DecryptionError, RedisAuthConfigError } from '../../../lib/errors/index.js';
import { cipherOf, encryptionKeyPurpose } from '../../../lib/oauth/encryption.js';
import { HookCipher } from '../../../lib/oauth/encryption-hooks.js';
import { KeyCipher } from '../../../lib/oauth/encryption-keys.js';
import { Issues } from '../../../lib/options/issues.js';
import { type OAuthOptions, resolveOAuthOptions } from '../../../lib/options/index.js';
import { outcomeOf } from '../../support/session-outcomes.js';

const TEXT = 'the text, with € and 🙂, that nobody may read';
const key = (kid: string) => ({ kid, key: randomBytes(32) });
const errorOf = (act: () => unknown): unknown => {
  try {
    return act();
  } catch (error) {
    return error;
  }
};

describe('the cipher of keys', () => {
  const [a, b] = [key('a'), key('b')];
  const cipher = new KeyCipher([a, b]);

  it('opens what it sealed, whatever the text', () => {
    for (const text of [TEXT, '', 'x', 'x'.repeat(100_000), '\0\n', '{"a":1}']) expect(cipher.open('p', cipher.seal('p', text))).toBe(text);
  });

  it('seals into a version, the id of the first key, a nonce and as many bytes as the text has and a tag', () => {
    const sealed = cipher.seal('p', TEXT);
    const [version, id, text, ...rest] = sealed.split('.');
    expect([version, id, rest]).toEqual(['v1', 'a', []]);
    expect(Buffer.from(text!, 'base64url')).toHaveLength(12 + Buffer.byteLength(TEXT) + 16);
    expect(sealed).toMatch(/^[\w.-]+$/);
  });

  it('is AES-256-GCM with id and place authenticated', () => {
    const nonce = Buffer.alloc(12, 7);
    const reference = createCipheriv('aes-256-gcm', a.key, nonce).setAAD(Buffer.from('a auth:a:{abc}x'));
    const bytes = Buffer.concat([nonce, reference.update(TEXT), reference.final(), reference.getAuthTag()]);
    expect(cipher.open('auth:a:{abc}x', `v1.a.${bytes.toString('base64url')}`)).toBe(TEXT);
  });

  it('takes another nonce each time', () => {
    const nonces = Array.from({ length: 1_000 }, () => cipher.seal('p', TEXT).split('.')[2]!.slice(0, 16));
    expect(new Set(nonces).size).toBe(1_000);
  });

  it('opens with every key, seals with the first: keys rotate', () => {
    const old = new KeyCipher([a]).seal('p', TEXT);
    const rotated = new KeyCipher([b, a]);
    expect(rotated.open('p', old)).toBe(TEXT);
    const fresh = rotated.seal('p', TEXT);
    expect(fresh.split('.')[1]).toBe('b');
    expect(errorOf(() => new KeyCipher([a]).open('p', fresh))).toMatchObject({ code: 'ERR_REDIS_AUTH_DECRYPTION', keyId: 'b' });
    expect(errorOf(() => new KeyCipher([b]).open('p', old))).toMatchObject({ keyId: 'a' });
  });

  it('tells a wrong key under the right id', () => {
    expect(errorOf(() => new KeyCipher([key('a')]).open('p', cipher.seal('p', TEXT)))).toMatchObject({
      code: 'ERR_REDIS_AUTH_DECRYPTION',
      keyId: 'a',
    });
  });

  it('opens nothing at another place, nor under the id of another key', () => {
    const sealed = cipher.seal('place-one', TEXT);
    expect(errorOf(() => cipher.open('place-two', sealed))).toBeInstanceOf(DecryptionError);
    expect(errorOf(() => cipher.open('', sealed))).toBeInstanceOf(DecryptionError);
    const twins = new KeyCipher([a, { kid: 'twin', key: a.key }]);
    expect(errorOf(() => twins.open('place-one', sealed.replace('v1.a.', 'v1.twin.')))).toMatchObject({ keyId: 'twin' });
  });

  it('notices every changed, missing or added character', () => {
    const sealed = cipher.seal('p', 'short');
    for (let at = 0; at < sealed.length; at++) {
      const other = sealed[at] === 'A' ? 'B' : 'A';
      for (const changed of [
        sealed.slice(0, at) + other + sealed.slice(at + 1),
        sealed.slice(0, at) + sealed.slice(at + 1),
        sealed.slice(0, at),
      ])
        expect(
          errorOf(() => cipher.open('p', changed)),
          changed,
        ).toBeInstanceOf(DecryptionError);
    }
    for (const end of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') {
      if (sealed.endsWith(end)) continue;
      expect(errorOf(() => cipher.open('p', sealed.slice(0, -1) + end))).toBeInstanceOf(DecryptionError);
    }
    for (const changed of [
      `${sealed}A`,
      `${sealed}.`,
      `${sealed}=`,
      ` ${sealed}`,
      `${sealed}\n`,
      '',
      '{}',
      'v2' + sealed.slice(2),
      'v1.a..',
      TEXT,
    ])
      expect(
        errorOf(() => cipher.open('p', changed)),
        changed,
      ).toBeInstanceOf(DecryptionError);
  });

  it('says nothing of text or keys in an error', () => {
    const shown = [cipher.seal('p', TEXT), TEXT]
      .map((sealed) =>
        inspect(
          errorOf(() => cipher.open('q', sealed)),
          { depth: 9 },
        ),
      )
      .join('\n');
    for (const secret of [TEXT.slice(0, 12), a.key.toString('hex'), a.key.toString('base64url')]) expect(shown).not.toContain(secret);
  });

  it('without any key neither seals nor opens, and says what to give', () => {
    const none = new KeyCipher([]);
    for (const act of [() => none.seal('p', TEXT), () => none.open('p', cipher.seal('p', TEXT))]) {
      const error = errorOf(act);
      expect(error).toBeInstanceOf(RedisAuthConfigError);
      expect(error).toMatchObject({ issues: [{ path: 'oauth.encryption', message: expect.stringContaining('keys') as string }] });
    }
  });
});

describe('the cipher of hooks', () => {
  const mirrored = (text: string): string => Buffer.from(text).reverse().toString('base64');
  const unmirrored = (text: string): string => Buffer.from(text, 'base64').reverse().toString();

  it.each([
    ['sync', { encrypt: mirrored, decrypt: unmirrored }],
    ['async', { encrypt: async (text: string) => mirrored(text), decrypt: async (text: string) => unmirrored(text) }],
  ])('opens what it sealed, with %s ones', async (_name, hooks) => {
    const cipher = new HookCipher(hooks);
    for (const text of [TEXT, '', 'p\n', '{"a":1}']) expect(await cipher.open('p', await cipher.seal('p', text))).toBe(text);
  });

  it('calls them as methods of what they were given in', async () => {
    class Vault {
      private readonly mark = 'marked:';
      encrypt(text: string): string {
        return this.mark + mirrored(text);
      }
      decrypt(text: string): string {
        return unmirrored(text.slice(this.mark.length));
      }
    }
    const cipher = new HookCipher(new Vault());
    expect(await cipher.open('p', await cipher.seal('p', TEXT))).toBe(TEXT);
  });

  it('opens nothing at another place', async () => {
    const cipher = new HookCipher({ encrypt: mirrored, decrypt: unmirrored });
    const sealed = await cipher.seal('place-one', TEXT);
    for (const place of ['place-two', 'place', 'place-one\n', ''])
      await expect(Promise.resolve(cipher.open(place, sealed))).rejects.toBeInstanceOf(DecryptionError);
  });

  it('S13 a decrypt that throws, rejects, or gives anything but what was encrypted is a DecryptionError', async () => {
    const decrypts: ((text: string) => unknown)[] = [
      () => {
        throw new Error('the key service is down');
      },
      () => Promise.reject(new Error('the key service is down')),
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- hooks are anybody's
      () => Promise.reject('text'),
      () => undefined,
      () => null,
      () => ({}),
      () => '',
      () => '{}',
      () => Buffer.from(`p\n${TEXT}`),
      async () => 42,
      (text) => text,
    ];
    for (const decrypt of decrypts) {
      const cipher = new HookCipher({ encrypt: mirrored, decrypt: decrypt as (text: string) => string });
      const { error } = await outcomeOf(cipher.open('p', mirrored(`p\n${TEXT}`)));
      expect(error, decrypt.toString()).toBeInstanceOf(DecryptionError);
    }
    const { error } = await outcomeOf(new HookCipher({ encrypt: mirrored, decrypt: decrypts[0] as () => string }).open('p', 'x'));
    expect(error).toMatchObject({ keyId: undefined, cause: { message: 'the key service is down' } });
  });

  it('an encrypt that throws, rejects, or gives no text is a RedisAuthConfigError with its cause', async () => {
    const encrypts: (() => unknown)[] = [
      () => {
        throw new Error('the key service is down');
      },
      () => Promise.reject(new Error('the key service is down')),
      () => undefined,
      () => ({}),
      () => '',
      () => Promise.resolve(Buffer.from('x')),
      () => 'lone \ud800',
      () => 'x'.repeat(1_048_577),
    ];
    for (const encrypt of encrypts) {
      const { error } = await outcomeOf(new HookCipher({ encrypt: encrypt as () => string, decrypt: unmirrored }).seal('p', TEXT));
      expect(error, encrypt.toString()).toBeInstanceOf(RedisAuthConfigError);
      expect(error).toMatchObject({ issues: [{ path: 'oauth.encryption.encrypt' }] });
      expect(inspect(error)).not.toContain(TEXT.slice(0, 12));
    }
    const { error } = await outcomeOf(new HookCipher({ encrypt: encrypts[1] as () => string, decrypt: unmirrored }).seal('p', TEXT));
    expect(error).toMatchObject({ cause: { message: 'the key service is down' } });
  });
});

describe('the cipher of a store', () => {
  const resolved = (options: OAuthOptions) => resolveOAuthOptions(options, new Issues());
  const secret = randomBytes(32);

  it('derives its keys for the key prefix', async () => {
    const options = resolved({ encryption: { keys: [{ id: 'a', key: secret }] } });
    const sealed = await cipherOf(options, 'one:', []).seal('p', TEXT);
    expect(await cipherOf(options, 'one:', []).open('p', sealed)).toBe(TEXT);
    expect(errorOf(() => cipherOf(options, 'two:', []).open('p', sealed))).toBeInstanceOf(DecryptionError);
    expect(sealed).not.toContain(secret.toString('base64url'));
    expect(errorOf(() => new KeyCipher([{ kid: 'a', key: secret }]).open('p', sealed))).toBeInstanceOf(DecryptionError);
    expect(encryptionKeyPurpose('one:')).not.toBe(encryptionKeyPurpose('two:'));
  });

  it('takes keys that were derived only where none were given', async () => {
    const derived = [key('0')];
    const sealed = await cipherOf(resolved({}), 'p:', derived).seal('p', TEXT);
    expect(sealed).toMatch(/^v1\.0\./);
    const own = resolved({ encryption: { keys: [{ id: 'a', key: secret }] } });
    expect(errorOf(() => cipherOf(own, 'p:', derived).open('p', sealed))).toMatchObject({ keyId: '0' });
  });
});
