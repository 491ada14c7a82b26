export type { LiveSessionToken } from './presented-tokens.js';
export { SessionService } from './session.service.js';
export type { DeviceInfo, SessionEvent, SessionEventType, SessionInfo, SessionInit, SessionTokens } from './session-types.js';
