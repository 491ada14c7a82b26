import { randomUUID } from 'node:crypto';
import passport from 'passport';
import { RedisAuthError } from '../errors/index.js';
import { AuthHttpException, unauthorized } from './auth-http-exception.js';
import { answerTo } from './error-answers.js';
import type { HttpRequest } from './http-request.js';

/**
 * What the guard accepts as authentication, as a passport strategy, for applications that combine it with others.
 * It authenticates only: the decorators are JwtAuthGuard's, and passport answers every refusal with its own 401.
 *
 * passport's registry is one per process, and the last to take a name has it: the name is unique for each
 * registration of the module, so that two applications never answer with each other's keys.
 */
export class JwtAuthStrategy extends passport.Strategy {
  override readonly name: string;

  constructor(
    instance: string,
    private readonly authenticateRequest: (request: HttpRequest) => Promise<{ user: unknown } | null>,
  ) {
    super();
    this.name = `redis-auth:${instance}:${randomUUID()}`;
  }

  register(): void {
    passport.use(this.name, this);
  }

  unregister(): void {
    passport.unuse(this.name);
  }

  /** Called by passport on an object of its own for each request, which has this one as its prototype. */
  override authenticate(request: unknown): void {
    this.authenticateRequest(request as HttpRequest).then(
      (authentication) => {
        if (authentication === null) this.refuse(unauthorized('missing'));
        else this.success(authentication.user as object);
      },
      (error: unknown) => {
        const answer = error instanceof RedisAuthError ? answerTo(error) : error;
        // A refused credential may be good for the next strategy; Redis being away says nothing about it.
        if (answer instanceof AuthHttpException && answer.getStatus() < 500) this.refuse(answer);
        else this.error(error);
      },
    );
  }

  private refuse(answer: AuthHttpException): void {
    this.fail(answer.headers['WWW-Authenticate'], answer.getStatus());
  }
}
