export type { LiveSessionToken } from './presented-tokens.js';
export { SessionService } from './session.service.js';
export type { DeviceInfo, SessionEvent, SessionEventType, SessionInfo, SessionInit, SessionTokens } from './session-types.js';
export { expiryNoticePrivileges, sessionPrivileges } from './privileges.js';
export { tellRecall } from './operations.js';
