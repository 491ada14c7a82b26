import { type CanActivate, type ExecutionContext, Injectable, UnauthorizedException } from '@nestjs/common';
import { type StoredToken, TokenStore } from 'nestjs-redis-auth';

/** What these tokens are for: none of another type is found under it. */
export const API_KEY = 'api-key';

/** A request with what the guard found. */
export interface ApiKeyRequest {
  headers: Record<string, string | string[] | undefined>;
  apiKey?: StoredToken;
}

/** For programs: the key instead of a session, in `x-api-key`. */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  constructor(private readonly tokens: TokenStore) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<ApiKeyRequest>();
    const token = request.headers['x-api-key'];
    const apiKey = typeof token === 'string' && token !== '' ? await this.tokens.get({ type: API_KEY, token }) : null;
    if (apiKey === null) throw new UnauthorizedException('x-api-key is missing or unknown');
    request.apiKey = apiKey;
    return true;
  }
}
