import { createSecretKey, hash, type KeyObject } from 'node:crypto';
import { deriveKey, namespaceOf } from '../../jwt/index.js';

/** Where a record lies, and what it is encrypted with. */
export class Place {
  readonly key: string;

  constructor(
    keyPrefix: string,
    private readonly kind: string,
    private readonly id: string,
  ) {
    this.key = `${keyPrefix}${kind === 'Grant' ? 'g' : 'j'}:${nameOf(kind, id)}`;
  }

  /** Derived when it is asked for: often only the key is needed. */
  get sealingKey(): Buffer {
    return deriveKey(createSecretKey(this.id, 'utf8'), `oidc-provider:${this.kind}`);
  }
}

/**
 * Names and keys of records. Both come from the id alone, which is a secret of 256 bits: Redis holds neither the id nor
 * anything that its holder alone could not make, so a dump, a replica or MONITOR yields no token and no content.
 *
 * | key                      | type   | holds                                                                               |
 * |--------------------------|--------|-------------------------------------------------------------------------------------|
 * | `<prefix>j:<hash of id>` | hash   | one record: d payload (encrypted), n generation of its grant, c used at (Unix s),   |
 * |                          |        | k tokens its grant had issued by then                                               |
 * | `<prefix>j:<hash of id>` | string | pointer from a session's uid or a user code to the id (encrypted)                   |
 * | `<prefix>g:<hash of id>` | hash   | one grant: d payload (encrypted), n generation, i tokens issued, r refresh tokens   |
 *
 * A record or grant that was ended has the one field x, for ten minutes. The ids of clients are public and user codes are
 * short: those are mixed with the application's secret first, and without one there is no place for them.
 */
export class RecordPlaces {
  private readonly namespace: string;

  /** The first of the secrets is used for what is new. */
  constructor(
    private readonly keyPrefix: string,
    private readonly secrets: readonly KeyObject[],
  ) {
    this.namespace = namespaceOf(keyPrefix);
  }

  /** The current place first; more than one only where a secret has been replaced; none where a secret is needed. */
  of(model: string, id: string): Place[] {
    return model === 'Client' ? this.guessable(model, id) : [this.place(model, id)];
  }

  grant(grantId: string): Place {
    return this.place('Grant', grantId);
  }

  uid(uid: string): Place {
    return this.place('Session.uid', uid);
  }

  userCode(userCode: string): Place[] {
    return this.guessable('DeviceCode.userCode', userCode);
  }

  private guessable(kind: string, id: string): Place[] {
    const purpose = `oidc-provider:${this.namespace}:${nameOf(kind, id)}`;
    return this.secrets.map((secret) => this.place(kind, deriveKey(secret, purpose).toString('base64url')));
  }

  private place(kind: string, id: string): Place {
    return new Place(this.keyPrefix, kind, id);
  }
}

function nameOf(kind: string, id: string): string {
  return hash('sha256', JSON.stringify([kind, id]), 'base64url');
}
