import { constants, createHmac, type KeyObject, sign, timingSafeEqual, verify } from 'node:crypto';
import type { Algorithm } from '../options/index.js';
import { decodeBase64url } from './json-segment.js';

/** One algorithm of RFC 7518 or RFC 8037, over keys that fit it. */
export interface Jws {
  /** Bytes of a signature by this key. */
  signatureLength(key: KeyObject): number;
  sign(input: string, key: KeyObject): Buffer;
  /** `signature` as it stands in the token: base64url, in the one canonical spelling. */
  verify(input: string, key: KeyObject, signature: string): boolean;
}

function hmac(hash: string, length: number): Jws {
  const textLength = Math.ceil((length * 4) / 3);
  const [expected, given] = [Buffer.alloc(3 * textLength), Buffer.alloc(3 * textLength)];
  return {
    signatureLength: () => length,
    sign: (input, key) => createHmac(hash, key).update(input, 'latin1').digest(),
    verify: (input, key, signature) => {
      if (signature.length !== textLength) return false;
      given.fill(0);
      // more bytes than characters where it is not ASCII, and so not equal
      given.write(signature);
      expected.write(createHmac(hash, key).update(input).digest('base64url'), 'latin1');
      return timingSafeEqual(expected, given);
    },
  };
}

/** `length` is undefined where the key decides: RSA by its modulus, EdDSA by its curve. */
function asymmetric(hash: string | null, length: number | undefined, parameters: object): Jws {
  const signatureLength = (key: KeyObject): number => length ?? lengthByKey(key);
  return {
    signatureLength,
    sign: (input, key) => sign(hash, Buffer.from(input, 'latin1'), { key, ...parameters }),
    // The length is part of the format (RFC 7518, section 3.4); what OpenSSL makes of another one is not asked.
    verify: (input, key, signature) => {
      const bytes = decodeBase64url(signature);
      return bytes?.length === signatureLength(key) && verify(hash, Buffer.from(input), { key, ...parameters }, bytes);
    },
  };
}

function lengthByKey(key: KeyObject): number {
  if (key.asymmetricKeyType === 'ed25519') return 64;
  if (key.asymmetricKeyType === 'ed448') return 114;
  return Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
}

const rsa = (hash: string): Jws => asymmetric(hash, undefined, { padding: constants.RSA_PKCS1_PADDING });
const rsaPss = (hash: string): Jws =>
  asymmetric(hash, undefined, { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST });
const ecdsa = (hash: string, length: number): Jws => asymmetric(hash, length, { dsaEncoding: 'ieee-p1363' });

/** Every algorithm that access tokens can be signed with. `none` is not among them. */
export const JWS: Readonly<Record<Algorithm, Jws>> = {
  HS256: hmac('sha256', 32),
  HS384: hmac('sha384', 48),
  HS512: hmac('sha512', 64),
  RS256: rsa('sha256'),
  RS384: rsa('sha384'),
  RS512: rsa('sha512'),
  PS256: rsaPss('sha256'),
  PS384: rsaPss('sha384'),
  PS512: rsaPss('sha512'),
  ES256: ecdsa('sha256', 64),
  ES384: ecdsa('sha384', 96),
  ES512: ecdsa('sha512', 132),
  EdDSA: asymmetric(null, undefined, {}),
};
