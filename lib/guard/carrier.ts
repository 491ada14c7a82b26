import type { CredentialPlaces } from './credentials.js';
import type { HttpResponse } from './http-response.js';
import type { IdentityPlace } from './identity.js';
import type { OpenStream } from './watched-streams.js';

/** What a transport hands to the guard, as all of them look alike. */
export interface Carrier extends CredentialPlaces {
  readonly place: IdentityPlace;
  /** The request opened a WebSocket. */
  readonly handshake?: boolean;
  /** Where a refusal's headers go. */
  readonly response?: HttpResponse | undefined;
  /** What stays open once the guard has let it in. */
  readonly stream?: OpenStream | undefined;
}
