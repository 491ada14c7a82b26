import type { KeyObject } from 'node:crypto';
import type { Algorithm } from './options.js';

export const HMAC_ALGORITHMS: readonly Algorithm[] = ['HS256', 'HS384', 'HS512'];
const RSA_ALGORITHMS: readonly Algorithm[] = ['RS256', 'RS384', 'RS512'];
const PSS_ALGORITHMS: readonly Algorithm[] = ['PS256', 'PS384', 'PS512'];

const CURVES: Readonly<Record<string, Algorithm>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };

export const ALGORITHMS: readonly Algorithm[] = [
  ...HMAC_ALGORITHMS,
  ...RSA_ALGORITHMS,
  ...PSS_ALGORITHMS,
  ...Object.values(CURVES),
  'EdDSA',
];

/** What an asymmetric key can do, its default first; or why it can do nothing. */
export function algorithmsOf(key: KeyObject): { algorithms: readonly Algorithm[]; problem?: string } {
  const details = key.asymmetricKeyDetails;
  switch (key.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss': {
      if ((details?.modulusLength ?? 0) < 2048) return { algorithms: [], problem: 'must be an RSA key of at least 2048 bits' };
      if (key.asymmetricKeyType === 'rsa') return { algorithms: [...RSA_ALGORITHMS, ...PSS_ALGORITHMS] };
      const hash = details?.hashAlgorithm;
      const algorithms = PSS_ALGORITHMS.filter((name) => hash === undefined || hash === `sha${name.slice(2)}`);
      return algorithms.length > 0
        ? { algorithms }
        : { algorithms, problem: 'must be restricted to SHA-256, SHA-384 or SHA-512, or not at all' };
    }
    case 'ec': {
      const algorithm = CURVES[details?.namedCurve ?? ''];
      return algorithm === undefined
        ? { algorithms: [], problem: 'must be on the curve P-256, P-384 or P-521' }
        : { algorithms: [algorithm] };
    }
    case 'ed25519':
    case 'ed448':
      return { algorithms: ['EdDSA'] };
    default:
      return { algorithms: [], problem: 'must be an RSA, EC or EdDSA key' };
  }
}
