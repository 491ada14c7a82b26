import type { ExecutionContext } from '@nestjs/common';
import { encodeIdentity } from '../redis/index.js';
import type { ClientAddresses } from './client-address.js';
import type { TrackedLimits } from './route-limits.js';

/** What is read of a request of Express or Fastify. */
export interface LimitedRequest {
  /** By the platform's own rules of which proxy it trusts. */
  readonly ip?: string;
  readonly user?: unknown;
  /** As an MCP or OAuth middleware leaves it. */
  readonly auth?: unknown;
}

/** What is set on a response of Express, or a reply of Fastify. */
export interface LimitedResponse {
  header(name: string, value: string): unknown;
}

type Named = Readonly<Record<string, unknown>>;

/**
 * The key that a request is counted under: `CatsController.find:ip:10.0.0.1`. What the value is of stands before it, so
 * that no user can have the name of an address.
 */
export async function keyOf(context: ExecutionContext, { by, label }: TrackedLimits, addresses: ClientAddresses): Promise<string> {
  const request = context.switchToHttp().getRequest<LimitedRequest>();
  const route = `${context.getClass().name}.${context.getHandler().name}`;
  const value = await trackedValue(request, by, context);
  if (value !== undefined) return `${route}:${label}:${value}`;
  return `${route}:ip:${addresses.nameOf(request.ip ?? 'unknown')}`;
}

async function trackedValue(request: LimitedRequest, by: TrackedLimits['by'], context: ExecutionContext): Promise<string | undefined> {
  if (typeof by === 'function') return (await by(request, context)) ?? undefined;
  if (by === 'user') return userOf(request);
  if (by === 'client') return clientOf(request);
  return undefined;
}

/** A user id is unique within its tenant. */
function userOf({ user }: LimitedRequest): string | undefined {
  const { userId, tenant, id, sub } = membersOf(user);
  if (typeof userId !== 'string') return textOf(id) ?? textOf(sub);
  return encodeIdentity(typeof tenant === 'string' ? { userId, tenant } : { userId });
}

function clientOf({ auth, user }: LimitedRequest): string | undefined {
  const ofUser = membersOf(user);
  const candidates = [membersOf(auth), ofUser, membersOf(ofUser['claims'])];
  return candidates.flatMap(({ clientId, client_id }) => [textOf(clientId), textOf(client_id)]).find((id) => id !== undefined);
}

function membersOf(value: unknown): Named {
  return typeof value === 'object' && value !== null ? (value as Named) : {};
}

function textOf(id: unknown): string | undefined {
  return typeof id === 'number' || (typeof id === 'string' && id !== '') ? String(id) : undefined;
}
