import type { Type } from '@nestjs/common';
import {
  CurrentSession,
  CurrentUser,
  OptionalAuth,
  Public,
  RequireFresh,
  Scopes,
  SessionLimitError,
  type VerifiedSession,
} from 'nestjs-redis-auth';

/** What a handler saw of whoever called it. */
export interface Seen {
  readonly userId: string | null;
  readonly sessionId: string | null;
  readonly data: unknown;
}

export const HANDLERS = ['me', 'data', 'open', 'optional', 'scoped', 'fresh', 'fail'] as const;
export type Handler = (typeof HANDLERS)[number];

/** The same handlers for each transport: made a class of it by one decorator, exposed by another, with an answer in its form. */
export function handlersOf(
  transport: ClassDecorator,
  expose: (name: Handler) => MethodDecorator,
  answer: (seen: Seen, name: Handler) => unknown,
): Type {
  class Handlers {
    @expose('me')
    me(@CurrentUser() user: unknown, @CurrentSession() session: unknown) {
      return answer(seen(user, session), 'me');
    }

    @expose('data')
    data(@CurrentUser() user: unknown, @CurrentSession({ data: true }) session: unknown) {
      return answer(seen(user, session), 'data');
    }

    @Public()
    @expose('open')
    open(@CurrentUser() user: unknown, @CurrentSession() session: unknown) {
      return answer(seen(user, session), 'open');
    }

    @OptionalAuth()
    @expose('optional')
    optional(@CurrentUser() user: unknown, @CurrentSession() session: unknown) {
      return answer(seen(user, session), 'optional');
    }

    @Scopes('read')
    @expose('scoped')
    scoped(@CurrentUser() user: unknown, @CurrentSession() session: unknown) {
      return answer(seen(user, session), 'scoped');
    }

    @RequireFresh('5m')
    @expose('fresh')
    fresh(@CurrentUser() user: unknown, @CurrentSession() session: unknown) {
      return answer(seen(user, session), 'fresh');
    }

    @Public()
    @expose('fail')
    fail(): never {
      throw new SessionLimitError(3);
    }
  }
  transport(Handlers);
  return Handlers;
}

function seen(user: unknown, session: unknown): Seen {
  const { userId } = (user ?? {}) as Partial<VerifiedSession>;
  const { sessionId, data } = (session ?? {}) as Partial<VerifiedSession>;
  return { userId: userId ?? null, sessionId: sessionId ?? null, data: data ?? null };
}
