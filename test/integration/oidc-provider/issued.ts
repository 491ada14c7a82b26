import { randomBytes } from 'node:crypto';
import type { AdapterFactory, AdapterPayload } from 'oidc-provider';

export const MODELS_OF_A_GRANT = [
  'AccessToken',
  'AuthorizationCode',
  'RefreshToken',
  'DeviceCode',
  'BackchannelAuthenticationRequest',
  'PreAuthorizedCode',
];

/** But for ReplayDetection, which is stored once. */
export const ALL_MODELS = [
  ...MODELS_OF_A_GRANT,
  'ClientCredentials',
  'Interaction',
  'PushedAuthorizationRequest',
  'RegistrationAccessToken',
  'InitialAccessToken',
  'Session',
  'Grant',
  'Client',
];

export const newId = (): string => randomBytes(32).toString('base64url');

/** A grant with a token of the given model under it. */
export async function issued(adapter: AdapterFactory, model: string): Promise<{ id: string; grantId: string; payload: AdapterPayload }> {
  const [id, grantId] = [newId(), newId()];
  await adapter('Grant').upsert(grantId, { jti: grantId, kind: 'Grant', accountId: 'ann' }, 60);
  const payload = { jti: id, kind: model, grantId, accountId: 'ann' };
  await adapter(model).upsert(id, payload, 60);
  return { id, grantId, payload };
}
