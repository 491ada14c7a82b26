import 'reflect-metadata';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { serve } from './child.js';
import { type Guarding, guarding, type Settings } from './guard-kinds.js';

/** What the process answers. */
export interface GuardServer {
  port(): number;
  /** CPU time so far, in microseconds. */
  cpu(): number;
}

export type Platform = 'express' | 'fastify';

const logger: ['error', 'warn'] = ['error', 'warn'];

const { platform, ...settings } = JSON.parse(process.argv[2]!) as Settings & { platform: Platform };
const parts = guarding(settings);
const application = applicationOf(parts);
const app =
  platform === 'fastify'
    ? await NestFactory.create(application, new FastifyAdapter(), { logger })
    : await NestFactory.create(application, { logger });
if (parts.middleware !== undefined) app.use(parts.middleware);
await app.listen(0, '127.0.0.1');
const server = app.getHttpServer() as Server;
// connections wait for their turn, while the others have theirs
server.keepAliveTimeout = 0;
const { port } = server.address() as AddressInfo;

const answers: GuardServer = {
  port: () => port,
  cpu() {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
};
serve({ ...answers });

function applicationOf({ guard, modules = [], providers = [] }: Guarding): new () => object {
  @Controller()
  @UseGuards(...(guard === undefined ? [] : [guard]))
  class Hello {
    @Get('hello')
    hello(): string {
      return 'hello';
    }
  }

  @Module({ imports: modules, providers, controllers: [Hello] })
  class Application {}
  return Application;
}
