import { Body, Controller, Delete, Get, HttpCode, NotFoundException, Param, Post } from '@nestjs/common';
import { CurrentSession, TokenStore, type VerifiedSession } from 'nestjs-redis-auth';
import { text } from '../auth/body.js';
import { API_KEY } from './api-key.guard.js';

/** A user's keys for programs: opaque tokens, each shown once, listed and deleted by a public id. */
@Controller('api-keys')
export class ApiKeysController {
  constructor(private readonly tokens: TokenStore) {}

  @Post()
  async create(@CurrentSession() { userId }: VerifiedSession, @Body() body: unknown) {
    const { token, id } = await this.tokens.create({ type: API_KEY, owner: userId, ttl: '90d', data: { name: text(body, 'name') } });
    return { id, key: token };
  }

  @Get()
  async list(@CurrentSession() { userId }: VerifiedSession) {
    const keys = await this.tokens.list({ type: API_KEY, owner: userId });
    return keys.map(({ id, data, createdAt, expiresAt }) => ({ id, name: data.name, createdAt, expiresAt }));
  }

  /** With the owner: someone else's key is as unknown here as one that never was. */
  @Delete(':id')
  @HttpCode(204)
  async delete(@Param('id') id: string, @CurrentSession() { userId }: VerifiedSession): Promise<void> {
    if (!(await this.tokens.delete({ type: API_KEY, id, owner: userId }))) throw new NotFoundException('you have no such key');
  }
}
