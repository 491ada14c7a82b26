import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { json } from 'node:stream/consumers';
import { Controller, Get, type MessageEvent, Sse } from '@nestjs/common';
import { concat, finalize, NEVER, type Observable, of } from 'rxjs';
import { type Platform, run } from '../guarded-app.js';
import { type Handler, handlersOf, type Seen } from './handlers.js';
import { type Endpoint, guardedModule, type Opened, type Outcome, placeOf, refusalIn, type Transport } from './transport.js';

export function http(platform: Platform): Transport {
  return {
    name: platform,
    async start(options): Promise<Endpoint> {
      const app = await run(
        platform,
        guardedModule(options, {
          controllers: [
            handlersOf(
              Controller(),
              (name) => Get(name),
              (seen) => seen,
            ),
          ],
        }),
      );
      return {
        sessions: app.sessions,
        ...placeOf(app),
        async call(handler, token): Promise<Outcome> {
          const { status, body } = await app.get(`/${handler}`, token);
          return status === 200 ? (body as unknown as Seen) : refusalIn(body);
        },
        [Symbol.asyncDispose]: () => app.nest.close(),
      };
    },
  };
}

/** How many streams of events are being fed. */
export const feeding = { streams: 0 };

const stream = (seen: Seen): Observable<MessageEvent> => {
  feeding.streams += 1;
  return concat(of({ data: seen }), NEVER).pipe(finalize(() => (feeding.streams -= 1)));
};

export function serverSentEvents(platform: Platform): Transport {
  return {
    name: `SSE on ${platform}`,
    async start(options): Promise<Endpoint> {
      const app = await run(platform, guardedModule(options, { controllers: [handlersOf(Controller(), (name) => Sse(name), stream)] }));
      const get = async (handler: Handler, token: string | undefined): Promise<IncomingMessage> => {
        const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
        const sent = request(`http://${app.authority}/${handler}`, { headers, agent: false }).end();
        return ((await once(sent, 'response')) as [IncomingMessage])[0];
      };
      return {
        sessions: app.sessions,
        ...placeOf(app),
        async call(handler, token): Promise<Outcome> {
          const response = await get(handler, token);
          if (response.statusCode !== 200) return refusalIn(await json(response));
          const event = await firstEvent(response);
          response.destroy();
          return event;
        },
        async open(token): Promise<Opened> {
          const response = await get('me', token);
          const [ended] = [endOf(response), await firstEvent(response)];
          return { ended, close: () => response.destroy() };
        },
        [Symbol.asyncDispose]: () => app.nest.close(),
      };
    },
  };
}

/** It may come in pieces. */
function firstEvent(response: IncomingMessage): Promise<Seen> {
  let text = '';
  return new Promise<string>((resolve, reject) => {
    response.once('close', () => reject(new Error(`no event in ${text}`)));
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const event = /^data: (.*)\n/m.exec(text)?.[1];
      if (event !== undefined) resolve(event);
    });
  }).then((event) => JSON.parse(event) as Seen);
}

/** Tells a response that was ended from one that was cut off. */
function endOf(response: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    response
      .once('end', () => resolve('ended'))
      .once('error', () => resolve('cut off'))
      .once('close', () => resolve('closed'));
  });
}
