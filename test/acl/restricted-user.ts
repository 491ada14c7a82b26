import { ACL_FEATURES, type Grants, grantsFor, rulesOf } from '../../lib/privileges/index.js';

export const RESTRICTED = { username: 'restricted', password: 'of-a-test' } as const;

/**
 * A user with everything that any feature needs, and no more: of every key prefix, since each test has its own, and of
 * every database. What `writeFenced` writes to, and what others stored and is migrated, is the application's to grant.
 */
export function restrictedUser(): string[] {
  const prefix = 'PREFIX:';
  const keys = ['report*', 'fenced*', 'app:*', 'oauth:*', 'sess:*'];
  const granted = [0, 1].map((database) => grantsFor({ features: ACL_FEATURES, keyPrefix: prefix, database, cluster: true, keys }));
  const both = (list: keyof Grants): string[] => [...new Set(granted.flatMap((grants) => grants[list]))];
  const grants = { keys: both('keys'), readKeys: both('readKeys'), channels: both('channels'), commands: both('commands') };
  const rules = rulesOf(grants).map((rule) => rule.replace(prefix, '*'));
  return [RESTRICTED.username, 'on', `>${RESTRICTED.password}`, ...rules.map((rule) => rule.replace(/^(&.*):1$/, '$1:*'))];
}
