/** Mutants that live, by their file and name, and why that may be: whoever finds one that is not here has found a hole in the tests. */
export const SURVIVORS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'lib/jwt/access-token-claims.ts': {
    'sid may be anything':
      'Guarded again: its first six characters are compared with a hash by `===`, as which no other type of JSON passes.',
  },
  'lib/jwt/jws.ts': {
    'a signature of another length is given to OpenSSL':
      'The OpenSSL of Node refuses every such signature as well; the length is compared so that nothing depends on that.',
  },
  'lib/jwt/json-segment.ts': {
    "return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null; -> return typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : null;":
      'The same: null is then returned as the value itself.',
  },
  'lib/jwt/jws-header.ts': {
    'const header = { alg: key.algorithm, typ: ACCESS_TOKEN_TYPE, ...(key.kid === undefined ? {} : { kid: key.kid }) }; -> const header = { alg: key.algorithm, typ: ACCESS_TOKEN_TYPE, ...(false ? {} : { kid: key.kid }) };':
      'The same: JSON leaves out what is undefined.',
  },
  'lib/jwt/token-id.ts': {
    "const second = tokenId.indexOf('.', RANDOM_LENGTH + 1); -> const second = tokenId.indexOf('.', RANDOM_LENGTH + 1 + 1);":
      'The same: of the epoch there is at least one digit, which the form has been asked for.',
  },
  'lib/jwt/token-memory.ts': {
    'const MOST_TOKENS = 16_384; -> const MOST_TOKENS = 16_384 - 1;': 'One token fewer is remembered.',
    'this.youngBytes = 0; -> this.youngBytes = 0 - 1;': 'One byte more of text is remembered.',
    'sum = Math.imul(sum ^ (sum >>> 15), 0x2c1b3c6d); -> ;':
      'Costs time alone: tokens share places more often, and one seen for the second time may be verified once more.',
    'return token.slice(-32); -> return token.slice(-32 + 1);': 'Costs time alone: what is found by the end is compared as a whole.',
  },
  'lib/jwt/verified-token.ts': {
    'confirmedIn = -1; -> confirmedIn = -1 - 1;': 'The same: generations are counted from 0.',
  },
  'lib/sessions/token-checks.ts': {
    'if (this.memory.sight(accessToken)) this.memory.remember(accessToken, token); -> if (true) this.memory.remember(accessToken, token);':
      'Costs room alone: tokens that are seen once are remembered, too.',
  },
  'lib/sessions/liveness.ts': {
    'const LAST_MS = 1_000; -> const LAST_MS = 1_000 - 1;':
      'A millisecond of the second by which the times in tokens may differ from those of sessions.',
    'any error of Redis lets a token in':
      'Whatever Redis or the driver says is a StoreUnavailableError by then; what else could be thrown is a mistake in the program itself.',
  },
  'lib/adapters/throttler/throttler.lua.ts': {
    'local ends = kept[2] and math.min(kept[2], now + ttl) or 0 -> local ends = kept[3] and math.min(kept[2], now + ttl) or 0':
      'The same: both fields are written by one HSET, always.',
  },
  'lib/tokens/token.lua.ts': {
    'prune(index, 16) -> prune(index, 15)':
      'How many expired tokens a new one clears away is a matter of pace, any number above 1 will do.',
  },
  'lib/sessions/chain.lua.ts': {
    "if s.kid == '' then redis.call('HDEL', KEYS[1], 'k') else redis.call('HSET', KEYS[1], 'k', s.kid) end -> if false then redis.call('HDEL', KEYS[1], 'k') else redis.call('HSET', KEYS[1], 'k', s.kid) end":
      'Costs bytes alone: an empty kid is read as none.',
  },
  'lib/sessions/session-state.lua.ts': {
    'local seen = created + math.max(rotated, (touched or 0) + 0) -> local seen = created + math.max(rotated, (touched or 0) + 1)':
      'A microsecond; times of use are told in milliseconds.',
    "generation = generation, kid = kid or '', ttl = ttl, claims = claims, scopes = scopes, authenticated = created + (authenticated or 0) -> generation = generation, kid = kid or '', ttl = ttl, claims = claims, scopes = scopes, authenticated = created + (authenticated or -1)":
      'A microsecond; the time of authentication is told in seconds.',
    "if string.sub(all[n], 1, 1) == '.' then -> if string.sub(all[n], 0, 1) == '.' then":
      'The same: Lua begins at 1 where it is told to begin at 0.',
  },
};
