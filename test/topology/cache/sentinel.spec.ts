import { expect, it } from 'vitest';
import { CacheUnderTest } from '../../integration/cache/cache-under-test.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { captureLog } from '../../support/open-connection.js';
import { SentinelSetup } from '../../support/sentinel.js';
import { until } from '../../support/until.js';

it('a failover behind Sentinels leaves nothing old in the tier of a process, and the tier hears of the new master', async () => {
  captureLog();
  await using setup = await SentinelSetup.start();
  const options = { redis: setup.url, keyPrefix: uniquePrefix() };
  await using reader = new CacheUnderTest(options);
  await using writer = new CacheUnderTest({ ...options, localMaxBytes: 0 });
  const entry = reader['core'].keys.entry('key');
  const local = (): unknown => reader['core'].findLocally(entry);

  await writer.set('key', 'before', 60);
  await until(async () => (await reader.get('key')) === 'before' && local() === 'before');
  await setup.failover();
  // again, since what the former master was told last is lost
  const isRead = async (value: string): Promise<boolean> => {
    if ((await reader.get('key')) === value) return true;
    await writer.set('key', value, 60);
    return false;
  };
  await until(async () => (await isRead('after')) && local() === 'after', { within: 10_000 });
  await writer.set('key', 'last', 60);
  await until(() => isRead('last'), { within: 2_000 });
  await writer.clear();
  await until(async () => (await reader.get('key')) === null, { within: 2_000 });
  expect(await reader.isAvailable()).toBe(true);
});
