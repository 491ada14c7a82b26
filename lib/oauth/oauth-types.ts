/** What an authorization server knows this application by (RFC 7591, section 3.2.1). */
export interface ClientCredentials {
  clientId: string;
  /** Empty for a public client. */
  clientSecret: string;
  redirectUri: string;
}

/** What an authorization request is completed with (RFC 7636). */
export interface PKCEValues {
  codeVerifier: string;
  codeChallenge: string;
  /** May be empty. */
  resourceUrl: string;
  /** May be empty. */
  url: string;
}

/** An access token that another server issued, with what it was given along. */
export interface AccessToken {
  accessToken: string;
  refreshToken?: string;
  /** Unix time in seconds, fractions allowed; a value over 1e11 is milliseconds. */
  expiresAt?: number;
  /** May be empty. */
  resourceUrl: string;
}

/** Where an OAuth client keeps what it must remember: the contract of ATXP's SDK, written out so that it need not be installed. */
export interface OAuthDb {
  getClientCredentials(serverUrl: string): Promise<ClientCredentials | null>;
  saveClientCredentials(serverUrl: string, credentials: ClientCredentials): Promise<void>;
  getPKCEValues(userId: string, state: string): Promise<PKCEValues | null>;
  savePKCEValues(userId: string, state: string, values: PKCEValues): Promise<void>;
  getAccessToken(userId: string, url: string): Promise<AccessToken | null>;
  saveAccessToken(userId: string, url: string, token: AccessToken): Promise<void>;
  close(): Promise<void>;
}
