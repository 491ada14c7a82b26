import type { Again, RedisAuthConnection, RedisClient } from '../redis/index.js';
import type { CustomTokens } from './custom-tokens.js';
import type { CheckedScope } from './token-arguments.js';
import { idOfGenerated, isGenerated } from './token-keys.js';

/** What is done with the record of that id. */
export type Act<Result> = (client: RedisClient, id: string, again: Again) => Promise<Result>;

/** From a token to its record: a generated token says where that is, for a custom one Redis is asked first. */
export class RecordsOfTokens {
  constructor(
    private readonly connection: RedisAuthConnection,
    private readonly custom: CustomTokens,
  ) {}

  /** Calls `act` with the id of the token's record; `absent` without one. */
  act<Result>(operation: string, scope: CheckedScope, token: string, absent: Result, act: Act<Result>): Promise<Result> {
    if (isGenerated(token)) {
      const id = idOfGenerated(scope.names, token);
      return this.connection.execute(operation, (client, again) => act(client, id, again));
    }
    return this.connection.execute(operation, async (client, again) => {
      const id = await this.custom.find(client, scope, token);
      return id === null ? absent : act(again(), id, again);
    });
  }
}
