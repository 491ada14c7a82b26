export { type AuthCookieOptions, clearAuthCookies, readRefreshCookie, setAuthCookies } from './auth-cookies.js';
export { type AuthFailureReason, AuthHttpException } from './auth-http-exception.js';
export { CurrentSession, CurrentUser, OptionalAuth, Public, RequireFresh, Scopes } from './decorators.js';
export { guardExports, guardProviders } from './guard-providers.js';
export type { HttpRequest } from './http-request.js';
export type { HttpResponse } from './http-response.js';
export { JwtAuthGuard, JwtAuthGuardFor } from './jwt-auth.guard.js';
export { RedisAuthExceptionFilter } from './redis-auth-exception.filter.js';
export { keepUpgradeRequest } from './upgrade-requests.js';
