/** Names that an application's claims may not use: the package, or a standard it follows, gives them their meaning. */
export const RESERVED_CLAIMS: ReadonlySet<string> = new Set([
  'iss',
  'sub',
  'aud',
  'exp',
  'nbf',
  'iat',
  'jti',
  'sid',
  'scope',
  'client_id',
  'auth_time',
  'tenant',
  'ns',
  'cnf',
  'act',
]);
