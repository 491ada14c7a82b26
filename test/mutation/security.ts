/** A guard that was forgotten: what stands once in the file, and what stands there then. */
export interface ForgottenGuard {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const TOKEN = [
  ['the signature is not looked at', '  return JWS[key.algorithm].verify(input, key.verifyingKey, signature);', '  return true;'],
  ['the algorithm of the header is not compared with that of its key', "header['alg'] !== key.algorithm ||", ''],
  ['typ is not checked', "!isAccessTokenType(header['typ']) ||", ''],
  ['any typ that begins like ours is taken', '=== ACCESS_TOKEN_TYPE;', "!== '';"],
  ['crit is accepted', "'crit', 'b64'", "'b64'"],
  ['b64 is accepted', "'crit', 'b64',", "'crit',"],
  ['a key in the token is accepted', "'jku', 'jwk', 'x5u', 'x5c', 'x5t', 'x5t#S256', ", ''],
  ['a missing kid is accepted', "({ kid }) => kid === header['kid']", "({ kid }) => header['kid'] === undefined || kid === header['kid']"],
  [
    'a kid that nobody knows is that of the first key',
    "this.jwt.keys.find(({ kid }) => kid === header['kid'])",
    "this.jwt.keys.find(({ kid }) => kid === header['kid']) ?? this.jwt.keys[0]",
  ],
  [
    'a header as we write it is asked no signature',
    'this.keysByHeader.has(header) || !isSigned',
    '!this.keysByHeader.has(header) && !isSigned',
  ],
  ['a second spelling of the payload is accepted', 'decodeJsonObject(segment) === null || ', ''],
  ['a second spelling of the signature is accepted', ' || decodeBase64url(signature) === null', ''],
  ['exp is not compared with the clock', "if (this.hasExpired(verified, now)) throw new InvalidTokenError('expired');", ''],
  ['exp is compared without the tolerance', 'now - this.jwt.clockToleranceMs', 'now'],
  ['exp before iat is accepted', "if (!verified.isInOrder) throw new InvalidTokenError('invalid');", ''],
  ['a token of any length is looked at', "if (token.length > MAX_ACCESS_TOKEN_BYTES) throw new InvalidTokenError('malformed');", ''],
].map(([name, from, to]) => guard('lib/jwt/access-token-verifier.ts', name!, from!, to!));

const CLAIMS = [
  ['iss is not compared', 'iss !== jwt.issuer ||', ''],
  ['aud is not compared', '!namesOneOf(aud, jwt.audience) ||', ''],
  ['one string among what is no string is an aud', "aud.every((name) => typeof name === 'string') && ", ''],
  ['ns is not compared', 'ns !== namespace ||', ''],
  ['sub may be missing', '!isText(sub, LONGEST_ID_BYTES) ||', ''],
  ['a tenant may be anything', '(tenant !== undefined && !isText(tenant, LONGEST_ID_BYTES)) ||', ''],
  ['sid may be anything', "typeof sid !== 'string' ||", ''],
  ['jti may be empty', "jti === '' ||", ''],
  ['a token of tomorrow is accepted', 'iat > latest ||', ''],
  ['nbf is not compared', ' && nbf <= latest', ''],
  ['an authentication in the future is accepted', ' && authTime <= latest', ''],
  ['an exp beyond all dates is accepted', ' && Math.abs(value) <= 8.64e12', ''],
  [
    'the session may be that of another user or tenant',
    "if (!sessionBelongsTo(sid, identity, tenant)) throw new InvalidTokenError('invalid');",
    '',
  ],
  ['claims of ours are told as those of the application', 'if (RESERVED_CLAIMS.has(name)) continue;', ''],
].map(([name, from, to]) => guard('lib/jwt/access-token-claims.ts', name!, from!, to!));

const MEMORY = [
  guard(
    'lib/jwt/token-memory.ts',
    'a remembered token is known by its end alone',
    'young.token === token ? young.found : undefined',
    'young.found',
  ),
  guard(
    'lib/jwt/token-memory.ts',
    'a token remembered long ago is known by its end alone',
    'if (aged?.token !== token) return undefined;',
    'if (aged === undefined) return undefined;',
  ),
  guard(
    'lib/sessions/token-checks.ts',
    'a remembered token never expires',
    'known !== undefined && !this.verifier.hasExpired(known, now)',
    'known !== undefined',
  ),
  guard(
    'lib/sessions/token-checks.ts',
    'a token that is vouched for never expires',
    'token === undefined || this.verifier.hasExpired(token, now) ||',
    'token === undefined ||',
  ),
  guard(
    'lib/sessions/token-checks.ts',
    'a remembered token is in force whatever was ended',
    ' || !this.liveness.vouchesFor(token, now)) return undefined;',
    ') return undefined;',
  ),
  guard(
    'lib/sessions/token-checks.ts',
    'a token is verified without its session being asked',
    'await this.liveness.assertLive(token, withData)',
    '(withData ? await this.liveness.assertLive(token, withData) : undefined)',
  ),
  guard('lib/jwt/token-id.ts', 'a stamp of another session is taken', '`${dataset} ${sessionId} ${body}`', '`${dataset} ${body}`'),
  guard('lib/jwt/token-id.ts', 'a stamp of another set of data is taken', '`${dataset} ${sessionId} ${body}`', '`${sessionId} ${body}`'),
  guard(
    'lib/jwt/verified-token.ts',
    'a token of any set of data is of this one',
    "this.isOfAsked = dataset !== '' && isStamped(this.tokenId, this.sessionId, dataset)",
    "this.isOfAsked = dataset !== ''",
  ),
  guard(
    'lib/jwt/verified-token.ts',
    'what one caller changes in claims the next one gets',
    '(copyOf(this.claims) as Record<string, unknown>)',
    '(this.claims as Record<string, unknown>)',
  ),
  guard('lib/jwt/json-segment.ts', 'base64url has more than one spelling', "bytes.toString('base64url') === text ? bytes : null", 'bytes'),
  guard('lib/jwt/jws.ts', 'an HMAC of another length is compared', 'if (signature.length !== textLength) return false;', ''),
  guard(
    'lib/jwt/jws.ts',
    'a signature of another length is given to OpenSSL',
    'bytes?.length === signatureLength(key) && verify',
    'bytes !== null && verify',
  ),
];

const LIVENESS = [
  ['the ending of a session is heard of and passed over', ' && this.revocations.replica.endingOf(token) === undefined;', ';'],
  [
    'what is known to be ended is asked about first',
    "    if (revocation === 'local') this.assertNotEnded(token);\n    if (!withData",
    '    if (!withData',
  ],
  [
    'what ends while Redis is asked is passed over',
    "    if (revocation === 'local') this.assertNotEnded(token);\n    return reply;",
    '    return reply;',
  ],
  [
    'what Redis says is passed over',
    "    if (typeof reply === 'string') throw new InvalidTokenError(endedBy(reply));\n    if (revocation",
    '    if (revocation',
  ],
  ['the feed may be of any age', 'feed.ageAt(performance.now()) <= this.options.maxStalenessMs &&', ''],
  [
    'whatever the feed does not cover is in force',
    '(feed.covers(token) || (token.confirmedIn === feed.generation && feed.remembers(token)))',
    'true',
  ],
  [
    'what Redis confirmed before entries were lost still counts',
    'token.confirmedIn === feed.generation && feed.remembers(token)',
    'token.confirmedIn >= 0 && feed.remembers(token)',
  ],
  [
    'what outlives the memory of the feed is in force',
    'token.confirmedIn === feed.generation && feed.remembers(token)',
    'token.confirmedIn === feed.generation',
  ],
  ['tokens are served without Redis although that was not allowed', 'this.options.serveForMs !== undefined && ', ''],
  ['tokens are served without Redis for ever', 'feed.ageAt(performance.now()) <= this.servedForMs && ', ''],
  ['tokens are served without Redis that the feed does not cover', ' && feed.covers(token);', ';'],
  ['any error of Redis lets a token in', '!(error instanceof StoreUnavailableError && this.mayServe(token))', '!this.mayServe(token)'],
].map(([name, from, to]) => guard('lib/sessions/liveness.ts', name!, from!, to!));

const REPLICA = [
  ['the epoch of a user is not compared', ' && token.userEpoch < user.epoch', ' && user.epoch < 0'],
  ['the session that was spared is ended', ' && token.sessionId !== user.except', ''],
  ['the epoch of the tenant is not compared', ' && token.tenantEpoch < tenant.epoch', ' && tenant.epoch < 0'],
  ['a single token that was ended is in force', "if (this.tokens.size > 0 && this.tokens.has(token.tokenId)) return 'r';", ''],
  ['a lower epoch replaces a higher one', ' && known.epoch >= entry.epoch) return false;', ') { /* taken */ }'],
].map(([name, from, to]) => guard('lib/revocation/revocation-replica.ts', name!, from!, to!));

const SESSIONS = [
  ...[
    [
      'rotation honours the previous generation although its time is over',
      ' and ms(now_us - s.created - s.rotated) >= tonumber(ARGV[3])',
      ' and false',
    ],
    ['rotation honours the generation before the previous one', 'presented < current - 1 or', 'presented < current - 2 or'],
    [
      'rotation honours the previous generation although its successor was used',
      'if presented < current - 1 or (presented == current - 1 and ms(now_us - s.created - s.rotated) >= tonumber(ARGV[3])) then',
      'if false then',
    ],
    ['reuse is refused, but the family lives on', "finish(s, 'u')", ''],
    ['the feed is not told of a reuse', "finish(s, 'u')\n  announce_end(s)", "finish(s, 'u')"],
    ['the secret of the chain is not compared', 'not s or s.hash ~= ARGV[1] then', 'not s then'],
    ['an ended session is refreshed', 'if s.ended then return s.ended end\n-- an identity', '-- an identity'],
    ['a rotation does not raise the generation', "redis.call('HSET', KEYS[1], 'g', s.generation, 'r'", "redis.call('HSET', KEYS[1], 'r'"],
    ['a tombstone does not outlive longer tokens', 'widen(s, ARGV[5])\n  s.seen', 's.seen'],
    ['the limit of sessions is not kept', 'if #live >= limit then', 'if false then'],
    ['a sign-in over the limit is let in where it is to be refused', "if policy == 'reject' then return { 'limit' } end", ''],
    ['an old epoch of the tenant is taken', "if last and tonumber(last) > tonumber(epoch) then return { 'epoch', last } end", ''],
    ['a new epoch of the tenant ends nothing', "finish(old, 'r')\n      tell('revoked', old.rest, old.identity, 'tenant revoked')", ''],
    [
      'an epoch of the user that was lost is not raised again',
      'if tonumber(ARGV[7]) > tonumber(user_epoch(index, s.window)) then',
      'if false then',
    ],
    ['the old id of a regenerated session lives on', "finish(s, 'o')\nannounce_end(s)", ''],
    ['the feed is not told of the old id of a regenerated session', "finish(s, 'o')\nannounce_end(s)", "finish(s, 'o')"],
    ['a new id keeps the old chain', 'begin_chain(fresh, ARGV[2], ARGV[3], ARGV[4])', ''],
    [
      'an ended session gets a new id',
      'if not s or s.ended then return false end\nredis.call',
      'if not s then return false end\nredis.call',
    ],
    [
      'an ended session is authenticated again',
      'if not s or s.ended then return false end\nif s.hash',
      'if not s then return false end\nif s.hash',
    ],
    ['a repeat of a sign-in revives an ended session', 'first and not first.ended and grant(first)', 'first and grant(first)'],
  ].map(([name, from, to]) => guard('lib/sessions/chain.lua.ts', name!, from!, to!)),
  ...[
    ['a session that the index does not name is live', 'if not expires then\n  local v', 'if not expires and false then\n  local v'],
    ['the tombstone of another identity is told', "v[1] == string.match(KEYS[2], '^[^{]*u:{......}(.*)$') and v[2] or ''", "v[2] or ''"],
    ['an expired session is live', "if tonumber(expires) <= now then return 'x' end", ''],
    ['a session without its record is live', "if not v[1] then return '' end", ''],
    [
      'a single token that was ended is live',
      "if v[2] and string.find(' ' .. v[2], ' ' .. ARGV[3] .. ' ', 1, true) then return 'r' end",
      '',
    ],
    ['the epoch of the tenant is not told', "local epoch = #rest > 22 and redis.call('ZSCORE', KEYS[2], 't')", 'local epoch = false'],
    ['anybody may end a session', "if ARGV[3] ~= '' and ARGV[3] ~= s.identity then return { 0, false } end", ''],
    ['a log-out does not compare the secret of the chain', "if ARGV[4] ~= '' and ARGV[4] ~= s.hash then return { 0, false } end", ''],
    ['an end is not told to the feed', "if ARGV[5] == 'all' then announce_end(s) end", ''],
    [
      'to end all does not raise the epoch of the user',
      "redis.call('ZADD', index, epoch, 'u')\nstay(index, window)",
      'stay(index, window)',
    ],
    ['to end all is not told to the feed', 'if not lost then announce(index,', 'if false then announce(index,'],
    ['to end all ends the one that was spared', 'if s.rest ~= ARGV[1] then', 'if true then'],
    ['anybody may end a token', "(ARGV[1] ~= '' and s.identity ~= ARGV[1])", 'false'],
    ['a token that was ended is forgotten at once', 'now + ARGV[3]', 'now - ARGV[3]'],
    [
      'the end of a token is not told to the feed',
      "if ARGV[5] == 'all' then announce(index_key(s.identity), 'j '",
      "if false then announce(index_key(s.identity), 'j '",
    ],
    [
      'another version is overwritten',
      "if ARGV[1] ~= '' and tonumber(ARGV[1]) ~= version then return { 'conflict', version, tenant_epoch(s) } end",
      '',
    ],
    ['the bound of the data is not kept', "if size > tonumber(ARGV[2]) then return { 'large', size, tenant_epoch(s) } end", ''],
    [
      'an ended session is touched',
      'if not s or s.ended then return { 0, false } end\nredis.call',
      'if not s then return { 0, false } end\nredis.call',
    ],
  ].map(([name, from, to]) => guard('lib/sessions/session.lua.ts', name!, from!, to!)),
  ...[
    ['a revoked tenant keeps its epoch', "epoch, mark = string.format('%.0f', epoch + 1), '!'", "mark = '!'"],
    ['a tenant whose epoch is lost begins at its old one', "epoch = string.format('%.0f', time[1] * 1000000 + time[2])", "epoch = '1'"],
    [
      'the mark of a tenant that is to be told is lost',
      "redis.call('SET', KEYS[1], epoch .. mark, 'KEEPTTL')\n${KEEP_EPOCH}`);\n\n/** The feed",
      "redis.call('SET', KEYS[1], epoch, 'KEEPTTL')\n${KEEP_EPOCH}`);\n\n/** The feed",
    ],
  ].map(([name, from, to]) => guard('lib/sessions/tenant-epoch.lua.ts', name!, from!, to!)),
  ...[
    [
      'a session is live that its index does not name',
      "elseif not redis.call('ZSCORE', index, rest) then\n    return nil",
      'elseif false then\n    return nil',
    ],
    ['an expired session is found', 'if s.expires <= now then', 'if false then'],
    [
      'use prolongs a session beyond its absolute end',
      's.expires = math.min(ms(s.seen) + s.idle, s.absolute)',
      's.expires = ms(s.seen) + s.idle',
    ],
    ['an ended session leaves no tombstone', "redis.call('HSET', s.key, 'u', s.identity, 'h', s.hash, 'z', how)", ''],
    ['an ended session stays in its index', "redis.call('ZREM', index, s.rest)", ''],
    ['an end is not kept for the feed', "redis.call('ZADD', index, DUE, text)", ''],
    ['the private data of an ended session stays', "redis.call('DEL', s.key)\n  redis.call('HSET'", "redis.call('HSET'"],
    [
      'a lost epoch of a user begins at its old one',
      "redis.call('ZADD', index, now_us, 'u')\n  stay(index, window)\n  return string.format('%.0f', now_us)",
      "redis.call('ZADD', index, 1, 'u')\n  stay(index, window)\n  return '1'",
    ],
  ].map(([name, from, to]) => guard('lib/sessions/session-state.lua.ts', name!, from!, to!)),
  ...[
    ['a rotated refresh token is told to be active', 'if tonumber(ARGV[2]) < tonumber(generation) then return nil end', ''],
    ['a refresh token of another chain is told to be active', ' or hash ~= ARGV[1] then', ' then'],
    ['a refresh token of an ended session is told to be active', 'not identity or ended or', 'not identity or'],
    ['a refresh token of an expired session is told to be active', 'not expires or tonumber(expires) <= now then', 'not expires then'],
  ].map(([name, from, to]) => guard('lib/sessions/presented-token.lua.ts', name!, from!, to!)),
  guard(
    'lib/sessions/refresh-token.ts',
    'the MAC of a refresh token is not compared',
    "if (!timingSafeEqual(Buffer.from(expected), Buffer.from(given))) throw new InvalidTokenError('invalid');",
    '',
  ),
  guard(
    'lib/sessions/refresh-token.ts',
    'a refresh token by a key that is gone is opened by another',
    "if (key === undefined) throw new InvalidTokenError('invalid');\n    // as",
    'if (key === undefined) return { sessionId, secret, generation: Number(generation) };\n    // as',
  ),
];

const FEED = [
  [
    'entries that are missing are not noticed',
    "if not name or last ~= found or tonumber(length) ~= redis.call('XLEN', feed) then begin() end",
    'if not name then begin() end',
  ],
  ['a stream that was cut is not noticed', " or tonumber(length) ~= redis.call('XLEN', feed) then begin()", ' then begin()'],
  ['numbers of entries begin anew', 'number = number + 1', 'number = 1'],
  ['a reader who misses entries is not believed', 'if name == ARGV[3] then begin() end', ''],
  [
    'a window is forgotten as soon as a shorter one comes',
    'window = math.max(tonumber(window or 0), tonumber(ARGV[1]))',
    'window = tonumber(ARGV[1])',
  ],
  ['what was cut off is not said', "complete = math.max(tonumber(complete), tonumber(string.match(first[1], '^%d+')))", ''],
].map(([name, from, to]) => guard('lib/revocation/feed.lua.ts', name!, from!, to!));

const TOKENS = [
  guard(
    'lib/tokens/token-state.lua.ts',
    'a token is live that its index does not name',
    "if not redis.call('ZSCORE', index_of(owner, TYPE), REST) then return nil end",
    '',
  ),
  guard('lib/tokens/token.lua.ts', 'anybody may delete a token', 'if value and ARGV[2] and ARGV[2] ~= owner then return nil end', ''),
  guard(
    'lib/tokens/token.lua.ts',
    'a token that was consumed is there once more',
    "finish(owner)\n  if KEYS[2] then redis.call('SET', KEYS[2], value, 'PX', 60000) end",
    "if KEYS[2] then redis.call('SET', KEYS[2], value, 'PX', 60000) end",
  ),
  guard('lib/tokens/token.lua.ts', 'a token that was deleted is there once more', 'if value then finish(owner) end', ''),
  guard(
    'lib/tokens/token.lua.ts',
    'a record that has changed is overwritten',
    "if ARGV[3] ~= '' and ARGV[3] ~= value then return 'changed' end",
    '',
  ),
  guard('lib/tokens/token.lua.ts', 'the bound of the data is not kept', "if bytes > ARGV[2] + 0 then return 'large' end", ''),
  guard('lib/tokens/owner.lua.ts', 'to delete all spares those of a type', "redis.call('RENAME', index, condemned)", ''),
  guard(
    'lib/tokens/owner.lua.ts',
    'a token stored again meanwhile is cleared away',
    "if not (is_used and redis.call('ZSCORE', index, rest)) then",
    'if true then',
  ),
  guard(
    'lib/tokens/pointer.lua.ts',
    "another one's custom token is taken over",
    'if present and present ~= ARGV[1] and present ~= ARGV[3] then return present end',
    '',
  ),
  guard(
    'lib/tokens/pointer.lua.ts',
    "another one's pointer is forgotten",
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end",
    '',
  ),
  ...[
    ['a code may be tried for ever', "redis.call('HSET', KEYS[1], 'L', now + life)", ''],
    ['a locked code is tried', "if locked and locked + 0 > now then return answer('locked', locked) end", ''],
    ['a used code is taken again', "if used then return is_right and answer('used', '') or answer('wrong', '0') end", ''],
    ['an expired code is taken', "if expires + 0 <= now then return is_right and answer('expired', '') or answer('wrong', '0') end", ''],
    ['a used code is not marked', "redis.call('HSET', KEYS[1], 'u', now)", ''],
    ['a wrong code tells that it was used', "is_right and answer('used', '') or answer('wrong', '0')", "answer('used', '')"],
    ['a new code gains guesses', 'failures = math.min(before[2] + 0, ARGV[3] - 1)', ''],
    ['a new code unlocks', "if before[1] + 0 > now then return { '', before[1] } end", ''],
    [
      'part of a MAC is enough',
      "string.find(' ' .. ARGV[1] .. ' ', ' ' .. mac .. ' ', 1, true)",
      'string.find(mac, string.sub(ARGV[1], 1, 1), 1, true)',
    ],
  ].map(([name, from, to]) => guard('lib/tokens/code.lua.ts', name!, from!, to!)),
  guard(
    'lib/migration/import.lua.ts',
    'an import brings back what has expired',
    "if expires ~= 0 and expires <= now then return 'expired' end",
    '',
  ),
  guard(
    'lib/migration/import.lua.ts',
    'an import overwrites a token that is there',
    'if value then\n    if redis.call',
    'if false then\n    if redis.call',
  ),
  guard('lib/migration/import.lua.ts', 'an import takes the token of another type', "if is_taken(rest) then return 'taken' end", ''),
];

const LOCKS = [
  guard(
    'lib/locks/mutex.lua.ts',
    'release without a look at the holder',
    'if holder == ARGV[1] then\n  hand_over',
    'if true then\n  hand_over',
  ),
  guard('lib/locks/mutex.lua.ts', 'extension without a look at the holder', 'if holder ~= ARGV[1] then return -1 end', ''),
  guard('lib/locks/mutex.lua.ts', 'anybody who asks holds the lock', 'if holder == id then\n  write', 'if true then\n  write'),
  guard('lib/locks/mutex.lua.ts', 'a lease that lasts is handed over', 'if left <= 0 then', 'if true then'),
  guard('lib/locks/mutex.lua.ts', 'a hand-over keeps the token', 'token = integer(token + 1)', 'token = token'),
  guard('lib/locks/mutex.lua.ts', 'tokens of a hand-over are not reserved', 'if token == reserved then', 'if false then'),
  guard(
    'lib/locks/grant.lua.ts',
    'fencing tokens go back with the clock of the server',
    'if before and before + count > last then',
    'if false then',
  ),
  guard(
    'lib/locks/shared.lua.ts',
    'more holders than there are permits',
    '(taken[name] or 0) >= entry.capacity',
    '(taken[name] or 0) > entry.capacity',
  ),
  guard('lib/locks/shared.lua.ts', 'a lease that ended holds on', 'if ends == 0 or ends > now then enter', 'if true then enter'),
  guard('lib/locks/shared.lua.ts', 'who waits may extend', 'if not own or own.ends == 0 then return 0 end', 'if not own then return 0 end'),
  guard(
    'lib/locks/shared.lua.ts',
    'who came later overtakes',
    'if not entry.gone then take(entry) end\n    end',
    'if not entry.gone and entry.ends > 0 then take(entry) end\n    end',
  ),
];

const OTHERS = [
  guard(
    'lib/rate-limit/bucket.lua.ts',
    'a limit that is used up gives more',
    'if wait == 0 and blocked <= 0 then add = cost end',
    'add = cost',
  ),
  guard(
    'lib/rate-limit/bucket.lua.ts',
    'a blocked key is served by a single limit',
    'if wait == 0 and blocked <= 0 then',
    'if wait == 0 then',
  ),
  guard(
    'lib/rate-limit/bucket.lua.ts',
    'several limits are used although one of them refuses',
    'if wait > 0 or blocked > 0 then is_allowed = false end',
    '',
  ),
  guard('lib/rate-limit/bucket.lua.ts', 'a block is forgotten with what is used', "redis.call('PEXPIREAT', KEYS[1], ends)", ''),
  guard('lib/rate-limit/bucket.lua.ts', 'hits are counted that nobody waits for', 'if now > ARGV[2] + 0 then return false end', ''),
  guard(
    'lib/adapters/throttler/throttler.lua.ts',
    'a blocked client of the throttler is served',
    'if blocked_until > now then return { now, used, ends - now, 1, blocked_until - now } end',
    '',
  ),
  guard(
    'lib/adapters/oidc-provider/record.lua.ts',
    'a code of the provider is used twice',
    "if redis.call('HSETNX', KEYS[1], 'c', redis.call('TIME')[1]) == 0 then return 0 end",
    "redis.call('HSET', KEYS[1], 'c', redis.call('TIME')[1])",
  ),
  guard(
    'lib/adapters/oidc-provider/record.lua.ts',
    'a record of the provider that was ended is stored again',
    "if redis.call('HEXISTS', KEYS[1], 'x') == 1 then return 0 end",
    '',
  ),
  guard(
    'lib/adapters/oidc-provider/record.lua.ts',
    'a grant that was ended is joined',
    "if redis.call('HEXISTS', KEYS[1], 'x') == 1 then return nil end",
    '',
  ),
  guard(
    'lib/adapters/oidc-provider/record.lua.ts',
    'to revoke a grant ends nothing',
    "redis.call('HSET', KEYS[1], 'n', ARGV[1]) end",
    'return 1 end',
  ),
  guard(
    'lib/cache/entry.lua.ts',
    'a value loaded before an invalidation is stored',
    "if ARGV[1] ~= '' and redis.call('GETRANGE', KEYS[1], 0, 21) ~= ARGV[1] then return false end",
    '',
  ),
  guard(
    'lib/cache/entry.lua.ts',
    'an invalidation keeps the version',
    "redis.call('SET', key, version, 'PX', string.format('%.0f', math.max(redis.call('PTTL', key), DAY)))",
    '',
  ),
  guard(
    'lib/cache/entry.lua.ts',
    "another one's lock of the cache is released",
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end",
    '',
  ),
  guard(
    'lib/oauth/introspection-cache.lua.ts',
    'what was looked up before an eviction is kept',
    "if (redis.call('GET', KEYS[2]) or '') ~= ARGV[1] then return 0 end",
    '',
  ),
  guard(
    'lib/oauth/introspection-cache.lua.ts',
    'an active answer replaces one that is not',
    "if ARGV[4] ~= '' and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end",
    '',
  ),
  guard(
    'lib/oauth/introspection-cache.lua.ts',
    'an answer is kept beyond the token',
    'ttl = math.min(ttl, math.floor(ARGV[3] - (time[1] * 1000 + time[2] / 1000)))',
    '',
  ),
  guard(
    'lib/oauth/introspection-cache.lua.ts',
    'an evicted answer stays',
    "redis.call('DEL', KEYS[1])\nreturn redis.call('SET', KEYS[2]",
    "return redis.call('SET', KEYS[2]",
  ),
  guard(
    'lib/oauth/oauth-token.lua.ts',
    'an access token of others that has expired is given',
    'if space > 0 and nothing_left and nothing_left <= now then',
    'if false then',
  ),
  guard(
    'lib/oauth/oauth-token.lua.ts',
    'a stored token outlives its expiry',
    "redis.call('SET', record, ARGV[1], 'PXAT', expires)",
    "redis.call('SET', record, ARGV[1])",
  ),
];

/** Every guard that matters for security, each forgotten by itself. */
export const FORGOTTEN_GUARDS: readonly ForgottenGuard[] = [
  ...TOKEN,
  ...CLAIMS,
  ...MEMORY,
  ...LIVENESS,
  ...REPLICA,
  ...SESSIONS,
  ...FEED,
  ...TOKENS,
  ...LOCKS,
  ...OTHERS,
];

function guard(file: string, name: string, from: string, to: string): ForgottenGuard {
  return { file, name, from, to };
}
