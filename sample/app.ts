import type { Server } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import { AppModule } from './app.module.js';

/** The application, not yet listening. `instance` is told in each answer, so that one sees which of the two it was. */
export async function createApp(instance: string): Promise<INestApplication<Server>> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule, {
    logger: ['warn', 'error', 'fatal'],
    // A mistake in the options is thrown, with all it has to say, rather than ending the process.
    abortOnError: false,
    // An open event stream must not hold up the shutdown.
    forceCloseConnections: true,
  });
  app.useSecurityHeaders({
    contentSecurityPolicy: { directives: { 'style-src': ["'self'"], 'upgrade-insecure-requests': null } },
    strictTransportSecurity: false, // the sample is plain HTTP on localhost
  });
  // Wherever a cookie authenticates this is checked anyway; a sign-in has none yet, and no other site may sign anyone in.
  app.enableCsrfProtection();
  app.use((_request: Request, response: Response, next: NextFunction) => {
    response.set({ 'X-Instance': instance, 'Cache-Control': 'no-store' });
    next();
  });
  return app;
}
