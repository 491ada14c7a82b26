import type { AddressInfo, Server } from 'node:net';
import { Controller } from '@nestjs/common';
import { ClientProxyFactory, MessagePattern, type MicroserviceOptions, Transport as Wire } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { firstValueFrom } from 'rxjs';
import { handlersOf, type Seen } from './handlers.js';
import { type Endpoint, guardedModule, type Outcome, refusalIn, sessionsOf, type Transport } from './transport.js';

/** Where a message of TCP, which has no headers, carries its token. */
export function rpc(where: 'authorization' | 'accessToken'): Transport {
  return {
    name: `RPC over TCP with ${where}`,
    async start(options): Promise<Endpoint> {
      const controllers = [
        handlersOf(
          Controller(),
          (name) => MessagePattern(name),
          (seen) => seen,
        ),
      ];
      const testing = await Test.createTestingModule({ imports: [guardedModule(options, { controllers })] }).compile();
      const server = { transport: Wire.TCP, options: { host: '127.0.0.1', port: 0 } } as const;
      const app = testing.createNestMicroservice<MicroserviceOptions>(server);
      app.useLogger(false);
      await app.listen();
      const { port } = app.unwrap<Server>().address() as AddressInfo;
      const client = ClientProxyFactory.create({ transport: Wire.TCP, options: { host: '127.0.0.1', port } });
      return {
        sessions: sessionsOf(app),
        async call(handler, token): Promise<Outcome> {
          const payload = token === undefined ? {} : { [where]: where === 'authorization' ? `Bearer ${token}` : token };
          try {
            return await firstValueFrom(client.send<Seen>(handler, payload));
          } catch (body) {
            return refusalIn(body);
          }
        },
        async [Symbol.asyncDispose]() {
          await client.close();
          await app.close();
        },
      };
    },
  };
}
