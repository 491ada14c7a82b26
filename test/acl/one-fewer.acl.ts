import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACL_FEATURES } from '../../lib/privileges/index.js';
import { refused, type Setup, standalone } from '../support/privileges/setups.js';
import { type Grant, partsOf, tryFeature } from '../support/privileges/trial.js';

beforeAll(() => Logger.overrideLogger(false));
afterAll(() => Logger.overrideLogger(true as never));

describe('on one server', () => {
  let setup: Setup;
  beforeAll(async () => {
    setup = await standalone();
  });
  afterAll(() => setup?.[Symbol.asyncDispose]());

  describe.each(ACL_FEATURES)('%s', (feature) => {
    it.each(partsOf(feature, { isCluster: false }))('fails without $name', async (without) => {
      const { user, error } = await tryFeature(feature, setup, { without });
      expect(error).toBeInstanceOf(Error);
      // and not for another reason
      expect(await refused(user, setup.servers), String(error)).toContainEqual(expect.stringMatching(refusalOf(without)));
    });
  });
});

function refusalOf({ list, name }: Grant): RegExp {
  if (list === 'commands') return new RegExp(`^command ${name.replace('|', '\\|')}$`);
  return list === 'channels' ? /^channel / : /^key /;
}
