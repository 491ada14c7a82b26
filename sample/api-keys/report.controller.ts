import { Controller, Get, Req, UseGuards } from '@nestjs/common';
import { Public } from 'nestjs-redis-auth';
import { ApiKeyGuard, type ApiKeyRequest } from './api-key.guard.js';

/** What programs come for. */
@Public() // for the guard of sessions
@UseGuards(ApiKeyGuard)
@Controller('report')
export class ReportController {
  @Get()
  report(@Req() { apiKey }: ApiKeyRequest) {
    return { for: apiKey?.owner, by: apiKey?.data.name };
  }
}
