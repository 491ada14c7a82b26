import { Controller, Get, HttpCode, NotFoundException, Param, Post } from '@nestjs/common';
import { RedisAuthConnection, Scopes, SessionService } from 'nestjs-redis-auth';
import { UsersService } from '../users/users.service.js';

/** What an administrator does about others, each by a scope of its own. */
@Controller()
export class AdminController {
  constructor(
    private readonly users: UsersService,
    private readonly sessions: SessionService,
    private readonly redis: RedisAuthConnection,
  ) {}

  @Scopes('sessions:admin')
  @Post('admin/users/:id/logout')
  @HttpCode(200)
  async logoutUser(@Param('id') id: string) {
    if (!this.users.find(id)) throw new NotFoundException('there is no such user');
    return { ended: await this.sessions.revokeAll(id) };
  }

  @Scopes('server:read')
  @Get('info')
  async info() {
    const [server, keys] = await Promise.all([this.redis.info('server'), this.redis.dbSize()]);
    return { redis: /redis_version:(\S+)/.exec(server)?.[1], uptime: Number(/uptime_in_seconds:(\d+)/.exec(server)?.[1]), keys };
  }
}
