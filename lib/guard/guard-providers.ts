import type { FactoryProvider, InjectionToken, Provider } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { instanceToken, type ResolvedOptions } from '../options/index.js';
import type { SessionService } from '../sessions/index.js';
import { JwtAuthGuardFor } from './jwt-auth.guard.js';
import { RequestAuthenticator } from './request-authenticator.js';

/**
 * What a registration provides for its guard. Both have to be exported: Nest makes a guard anew in each module
 * that uses it, and there its dependencies must be found.
 */
export function guardProviders(instance: string): Provider[] {
  const authenticator: FactoryProvider<RequestAuthenticator> = {
    provide: instanceToken('guard', instance),
    useFactory: (options: ResolvedOptions, sessions: SessionService, http?: HttpAdapterHost) =>
      new RequestAuthenticator(options, sessions, http),
    inject: [instanceToken('options', instance), instanceToken('sessions', instance), { token: HttpAdapterHost, optional: true }],
  };
  return [authenticator, JwtAuthGuardFor(instance)];
}

export function guardExports(instance: string): InjectionToken[] {
  return [instanceToken('guard', instance), JwtAuthGuardFor(instance)];
}
