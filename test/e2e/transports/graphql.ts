import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { GraphQLModule, Query, Resolver, Subscription } from '@nestjs/graphql';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { run, type RunningApp } from '../guarded-app.js';
import { handlersOf, type Seen } from './handlers.js';
import { urlOf } from './sockets.js';
import { type Endpoint, guardedModule, type Opened, type Outcome, placeOf, type Refusal, refusalIn, type Transport } from './transport.js';

const schema = GraphQLModule.forRoot<ApolloDriverConfig>({
  driver: ApolloDriver,
  autoSchemaFile: true,
  graphiql: false,
  subscriptions: { 'graphql-ws': true },
});

interface GraphqlError {
  readonly message: string;
  readonly extensions?: { readonly code?: string; readonly originalError?: Refusal };
}

const queries = (): ReturnType<typeof handlersOf> =>
  handlersOf(
    Resolver(),
    (name) => Query(() => String, { name }),
    (seen) => JSON.stringify(seen),
  );

export const graphql: Transport = {
  name: 'GraphQL',
  async start(options): Promise<Endpoint> {
    const app = await run('Express', guardedModule(options, { imports: [schema], providers: [queries()] }));
    return {
      sessions: app.sessions,
      ...placeOf(app),
      async call(handler, token): Promise<Outcome> {
        const response = await fetch(`http://${app.authority}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
          body: JSON.stringify({ query: `{ ${handler} }` }),
        });
        const { data, errors } = (await response.json()) as { data?: Record<string, string>; errors?: GraphqlError[] };
        return outcomeOf(data?.[handler], errors);
      },
      [Symbol.asyncDispose]: () => app.nest.close(),
    };
  },
};

/** How many subscriptions are being fed. */
export const subscribed = { count: 0 };

export const subscriptions: Transport = {
  name: 'GraphQL subscriptions over graphql-ws',
  async start(options): Promise<Endpoint> {
    const resolver = handlersOf(
      Resolver(),
      (name) => Subscription(() => String, { name }),
      (seen, name) => new OneThenNone({ [name]: JSON.stringify(seen) }),
    );
    const app = await run('Express', guardedModule(options, { imports: [schema], providers: [queries(), resolver] }));
    return {
      sessions: app.sessions,
      ...placeOf(app),
      async call(handler, token): Promise<Outcome> {
        const { first, client } = subscribe(app, handler, token);
        const outcome = await first;
        await client.dispose();
        return outcome;
      },
      async open(token, headers): Promise<Opened> {
        const { first, client, ended } = subscribe(app, 'me', headers === undefined ? token : undefined, headers);
        const outcome = await first;
        if (!('userId' in outcome)) throw Object.assign(new Error(`refused: ${JSON.stringify(outcome)}`), outcome);
        return { ended, close: () => void client.dispose() };
      },
      [Symbol.asyncDispose]: () => app.nest.close(),
    };
  },
};

function subscribe(app: RunningApp, handler: string, token?: string, headers: Record<string, string> = {}) {
  class WithHeaders extends WebSocket {
    constructor(url: string, protocols: string | string[]) {
      super(url, protocols, { headers });
    }
  }
  let end!: (closing: unknown) => void;
  const ended = new Promise<unknown>((resolve) => (end = resolve));
  const client = createClient({
    url: `${urlOf(app)}/graphql`,
    webSocketImpl: WithHeaders,
    retryAttempts: 0,
    connectionParams: token === undefined ? {} : { authorization: `Bearer ${token}` },
    on: {
      closed: (event) => {
        const { code, reason } = event as { code: number; reason: string };
        end({ code, reason });
      },
    },
  });
  const first = new Promise<Outcome>((resolve, reject) => {
    client.subscribe<Record<string, string>>(
      { query: `subscription { ${handler} }` },
      {
        next: ({ data, errors }) => resolve(outcomeOf(data?.[handler], errors as GraphqlError[] | undefined)),
        error: (error) => reject(error instanceof Error ? error : new Error(JSON.stringify(error))),
        complete: () => reject(new Error('completed without a value')),
      },
    );
  });
  first.catch(() => undefined);
  return { first, client, ended };
}

function outcomeOf(answer: string | undefined, errors: readonly GraphqlError[] | undefined): Outcome {
  if (answer !== undefined && answer !== null) return JSON.parse(answer) as Seen;
  const error = errors?.[0];
  if (error?.extensions?.originalError === undefined) throw new Error(`no reason in ${JSON.stringify(errors)}`);
  return refusalIn(error.extensions.originalError);
}

/** Says one thing and stays open, as a subscription to something that rarely happens. */
class OneThenNone<T> implements AsyncIterableIterator<T> {
  private said = false;
  private end: ((result: IteratorResult<T>) => void) | undefined;

  constructor(private readonly value: T) {
    subscribed.count += 1;
  }

  next(): Promise<IteratorResult<T>> {
    if (this.said) return new Promise((resolve) => (this.end = resolve));
    this.said = true;
    return Promise.resolve({ done: false, value: this.value });
  }

  return(): Promise<IteratorResult<T>> {
    subscribed.count -= 1;
    this.end?.({ done: true, value: undefined });
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(error: unknown): Promise<IteratorResult<T>> {
    return Promise.reject(error as Error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
