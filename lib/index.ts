// The module
export { RedisAuthModule } from './redis-auth.module.js';
export type { RedisAuthModuleAsyncOptions, RedisAuthModuleExtras } from './redis-auth.module-definition.js';
export {
  getCacheAdapterToken,
  getDistributedLockToken,
  getOAuthTokenStoreToken,
  getRateLimiterToken,
  getRedisAuthConnectionToken,
  getRedisAuthStatusToken,
  getSessionServiceToken,
  getStoreStatisticsToken,
  getTokenMigrationToken,
  getTokenStoreToken,
  InjectCacheAdapter,
  InjectDistributedLock,
  InjectOAuthTokenStore,
  InjectRateLimiter,
  InjectRedisAuthConnection,
  InjectRedisAuthStatus,
  InjectSessionService,
  InjectStoreStatistics,
  InjectTokenMigration,
  InjectTokenStore,
} from './redis-auth.tokens.js';

// Its options
export { redisAuthOptionsFromConfig } from './options/index.js';
export type {
  Algorithm,
  CacheOptions,
  ConfigOverrides,
  ConfigSource,
  Duration,
  EncryptionHooks,
  EncryptionKey,
  Extractor,
  GuardOptions,
  JwtKey,
  JwtOptions,
  KeyInput,
  LockOptions,
  OAuthOptions,
  RateLimitOptions,
  RedisAuthModuleOptions,
  RedisAuthOptionsFactory,
  RedisClientOptions,
  RedisClusterOptions,
  RedisConnection,
  RedisHostOptions,
  RedisSentinelOptions,
  RefreshKey,
  SessionLimit,
  SessionOptions,
  StandaloneOptions,
  TokenOptions,
} from './options/index.js';

// Sessions
export { SessionService } from './sessions/index.js';
export type { DeviceInfo, SessionEvent, SessionEventType, SessionInfo, SessionInit, SessionTokens } from './sessions/index.js';
export type { VerifiedSession } from './options/index.js';

// Opaque tokens
export { CodeVerification, TokenKind, TokenStore } from './tokens/index.js';
export type {
  CodeAttempt,
  CodeRefusal,
  DataOf,
  IssuedCode,
  KindPatch,
  NewCode,
  NewToken,
  StoredToken,
  StoredTokenInfo,
  TokenKindDefinition,
  TokenOwner,
  TokenPage,
  TokenPlace,
  TokenReference,
  TokenScope,
  TokenStoreOptions,
} from './tokens/index.js';

// Tokens of other servers, and what authorization servers answer about ours
export { IntrospectionCache, OAuthTokenStore, RedisAuthOAuthModule, TokenIntrospection, TokenRevocation } from './oauth/index.js';
export type {
  AccessToken,
  ActiveToken,
  ClientCredentials,
  IntrospectedToken,
  IntrospectionAnswer,
  IntrospectionCacheOptions,
  IntrospectionCacheTimes,
  IntrospectionResult,
  OAuthDb,
  OAuthTokenStoreOptions,
  PKCEValues,
  PresentedToken,
  RedisAuthOAuthModuleOptions,
  ServedTokens,
} from './oauth/index.js';

// Cache
export { CacheAdapter, Cached, CACHED_ROUTES } from './cache/index.js';
export type { CacheAdapterOptions, CachedOptions, CacheEvent, GetOrSetOptions, LoaderContext } from './cache/index.js';

// Locks
export { currentLock, DistributedLock, WithLock } from './locks/index.js';
export type {
  DistributedLockOptions,
  FencedWrite,
  Lock,
  LockGroup,
  LockLease,
  LockTarget,
  TryLockOptions,
  WaitLockOptions,
  WithLockOptions,
} from './locks/index.js';

// Rate limits
export { RateLimit, RateLimiter, RateLimitException, RateLimitGuard, RateLimitGuardFor } from './rate-limit/index.js';
export type {
  LoginAttempt,
  LoginIdentity,
  LoginLimits,
  RateLimitAlgorithm,
  RateLimiterOptions,
  RateLimitResult,
  RateLimitRule,
  RateLimitTracker,
  RateLimitUse,
  RouteLimit,
} from './rate-limit/index.js';

// Moving tokens, and what there is
export { fromAtxp, fromExpressSession, fromNdjson, fromRedisJwt, fromRedisTokens, TokenMigration, toNdjson } from './migration/index.js';
export type {
  AtxpOptions,
  ExpressSessionOptions,
  ForeignTokenRecord,
  ImportOptions,
  ImportRecord,
  ImportSummary,
  OAuthAccessRecord,
  OAuthClientRecord,
  OAuthPKCERecord,
  OAuthRecord,
  OAuthTarget,
  SkippedRecord,
  SkipNotice,
  SkipReason,
  TokenRecord,
} from './migration/index.js';
export { StoreStatistics } from './observability/index.js';
export type { Estimate, Statistics, StatisticsOptions, TokenTypeStatistics } from './observability/index.js';

// How it is, and what it does
export { RedisAuthStatus } from './observability/index.js';
export type { Health, HealthReason, Status } from './observability/index.js';
export { DIAGNOSTICS } from './diagnostics/index.js';
export type {
  CacheLookup,
  LimitDecision,
  LockWait,
  OperationOutcome,
  OperationTrace,
  RefusalReason,
  ReuseDetected,
  StateChange,
} from './diagnostics/index.js';

// What an ACL user has to be granted
export { type AclFeature, type AclOptions, aclRules } from './privileges/index.js';

// The connection
export { RedisAuthConnection } from './redis/index.js';
export type { RedisClient, ScanOptions } from './redis/index.js';

// What the audit finds
export type { AuditCode, AuditFinding, AuditReport, AuditSeverity, UnknownCheck } from './audit/index.js';

// HTTP
export {
  type AuthCookieOptions,
  type AuthFailureReason,
  AuthHttpException,
  clearAuthCookies,
  CurrentSession,
  CurrentUser,
  type HttpRequest,
  type HttpResponse,
  JwtAuthGuard,
  JwtAuthGuardFor,
  keepUpgradeRequest,
  OptionalAuth,
  Public,
  readRefreshCookie,
  RedisAuthExceptionFilter,
  RequireFresh,
  Scopes,
  setAuthCookies,
} from './guard/index.js';

// Errors
export {
  type ConfigIssue,
  DecryptionError,
  InvalidArgumentError,
  InvalidTokenError,
  type InvalidTokenReason,
  LoaderTimeoutError,
  LockBusyError,
  LockLostError,
  LockStoreUnavailableError,
  OAuthRequestError,
  type OAuthRequestErrorName,
  RedisAuthConfigError,
  RedisAuthError,
  type RedisAuthErrorCode,
  SessionConflictError,
  SessionLimitError,
  StoreFullError,
  StoreUnavailableError,
  TokenExistsError,
} from './errors/index.js';
