import { Body, Controller, Header, HttpCode, Inject, Post, Req, type Type, UseFilters, UseGuards, VERSION_NEUTRAL } from '@nestjs/common';
import { OAuthRequestError } from '../errors/index.js';
import { type HttpRequest, JwtAuthGuard, Public } from '../guard/index.js';
import type { RedisAuthOAuthModuleOptions } from './oauth-endpoint-options.js';
import { OAuthErrorFilter } from './oauth-error.filter.js';
import { type IntrospectionAnswer, TokenIntrospection } from './token-introspection.js';
import { TokenRevocation } from './token-revocation.js';

/** The endpoints of one registration, each a class of its own: path and guards are in its metadata. */
export function oauthControllers(options: RedisAuthOAuthModuleOptions): Type[] {
  return [
    ...(options.revocation === false ? [] : [revocationController(options)]),
    ...(options.introspection === false ? [] : [introspectionController(options)]),
  ];
}

function revocationController(options: RedisAuthOAuthModuleOptions): Type {
  @Mounted(options)
  class TokenRevocationController {
    constructor(@Inject(TokenRevocation) private readonly revocation: TokenRevocation) {}

    @Post('revoke')
    @HttpCode(200)
    @Header('Cache-Control', 'no-store')
    @Header('Pragma', 'no-cache')
    async revoke(@Body() body: unknown, @Req() request: HttpRequest): Promise<void> {
      const clientId = options.clientId?.(request);
      await this.revocation.revoke({ ...requestedToken(body), ...(clientId !== undefined && { clientId }) });
    }
  }
  return TokenRevocationController;
}

function introspectionController(options: RedisAuthOAuthModuleOptions): Type {
  @Mounted(options)
  class TokenIntrospectionController {
    constructor(@Inject(TokenIntrospection) private readonly introspection: TokenIntrospection) {}

    @Post('introspect')
    @HttpCode(200)
    @Header('Cache-Control', 'no-store')
    @Header('Pragma', 'no-cache')
    async introspect(@Body() body: unknown, @Req() request: HttpRequest): Promise<IntrospectionAnswer> {
      const audience = options.audience?.(request);
      return this.introspection.introspect({ ...requestedToken(body), ...(audience !== undefined && { audience }) });
    }
  }
  return TokenIntrospectionController;
}

/** A controller under the path and behind the guards of a registration. */
function Mounted({ path = 'oauth', guards = [] }: RedisAuthOAuthModuleOptions): ClassDecorator {
  return (target) => {
    // No client of OAuth says which version of an API it means.
    Controller({ path, version: VERSION_NEUTRAL })(target);
    UseGuards(...guards)(target);
    UseFilters(OAuthErrorFilter)(target);
    // A JwtAuthGuard that the application binds globally asks for a user's token, and the one who asks here is a client.
    // Where it is itself to authenticate the client, it has to look.
    if (!guards.some(isJwtAuthGuard)) Public()(target);
  };
}

function isJwtAuthGuard(guard: unknown): boolean {
  return (
    guard === JwtAuthGuard || guard instanceof JwtAuthGuard || (typeof guard === 'function' && guard.prototype instanceof JwtAuthGuard)
  );
}

/** @throws OAuthRequestError unless there is exactly one token, and one hint at most */
function requestedToken(body: unknown): { token: string; tokenTypeHint?: string } {
  const { token, token_type_hint: hint } = (body ?? {}) as Record<string, unknown>;
  if (typeof token !== 'string' || token === '') throw new OAuthRequestError('invalid_request', 'one parameter token is required');
  if (hint === undefined) return { token };
  if (typeof hint !== 'string') throw new OAuthRequestError('invalid_request', 'the parameter token_type_hint may be given once');
  return { token, tokenTypeHint: hint };
}
