import { ACL_FEATURES, type AclFeature, type Grants, grantsFor, rulesOf, SENTINEL_GRANTS, USUAL_FEATURES } from '../privileges/index.js';
import { type Command, isSet, textOf, UsageError, type Values } from './command.js';
import { JSON_FLAG, STORE_FLAGS } from './flags.js';

/** No rule that Redis takes: a line that is used as it stands makes no user with a password that everybody knows. */
const PASSWORD = '#SHA-256-OF-ITS-PASSWORD';

export const acl: Command = {
  summary: 'print what an ACL user has to be granted, and no more',
  about: `Prints the ACL rules for what an application uses, to be given to each server of the data. Nothing is connected to.
Put the password in yourself, as # and its SHA-256 in hex: printf %s "$PASSWORD" | sha256sum

Features: ${ACL_FEATURES.join(', ')}.`,
  flags: {
    features: { type: 'string', value: 'list', help: `what it is used for, or all (default: ${USUAL_FEATURES.join(',')})` },
    prefix: STORE_FLAGS.prefix,
    user: { type: 'string', value: 'name', help: 'name of the user (default: app)' },
    db: { type: 'string', value: 'number', help: 'number of the database (default: 0)' },
    cluster: { type: 'boolean', help: 'for the nodes of a Cluster' },
    sentinel: { type: 'boolean', help: 'also the user of the Sentinels themselves' },
    keys: { type: 'string', value: 'list', help: 'glob patterns of keys that are not ours: for fenced-writes and migration-source' },
    ...JSON_FLAG,
  },
  afterInterrupt: 'Nothing was changed.',
  async run(values, { env, out }) {
    const user = textOf(values, 'user') ?? 'app';
    if (!/^[^\s"'#>]+$/.test(user)) throw new UsageError('--user must be a name without spaces and quotes');
    if (isSet(values, 'cluster') && isSet(values, 'sentinel')) throw new UsageError('give --cluster or --sentinel, not both');
    const keyPrefix = textOf(values, 'prefix') ?? env['REDIS_KEY_PREFIX'];
    const grants = grantsFor({
      features: featuresOf(values),
      database: databaseOf(values),
      cluster: isSet(values, 'cluster'),
      keys: listOf(values, 'keys') ?? [],
      ...(keyPrefix !== undefined && { keyPrefix }),
    });
    const lines = { ...linesOf(user, grants), ...(isSet(values, 'sentinel') && { sentinels: linesOf(user, SENTINEL_GRANTS) }) };
    out.write(isSet(values, 'json') ? `${JSON.stringify({ user, ...grants, ...lines })}\n` : told(lines));
  },
};

interface Lines {
  readonly setUser: string;
  readonly file: string;
}

function linesOf(user: string, grants: Grants): Lines {
  const rules = ['reset', 'on', PASSWORD, ...rulesOf(grants)].join(' ');
  return { setUser: `ACL SETUSER ${user} ${rules}`, file: `user ${user} ${rules}` };
}

function told({ setUser, file, sentinels }: Lines & { sentinels?: Lines }): string {
  const servers = `# as a command, on each server of the data\n${setUser}\n\n# the same in an ACL file\n${file}\n`;
  if (sentinels === undefined) return servers;
  return `${servers}\n# as a command, on each Sentinel\n${sentinels.setUser}\n\n# the same in an ACL file\n${sentinels.file}\n`;
}

function featuresOf(values: Values): readonly AclFeature[] {
  const names = listOf(values, 'features') ?? USUAL_FEATURES;
  if (names.length === 1 && names[0] === 'all') return ACL_FEATURES;
  const features = ACL_FEATURES.filter((feature) => names.includes(feature));
  if (features.length < new Set(names).size) throw new UsageError(`--features must be some of ${ACL_FEATURES.join(', ')}; or all`);
  return features;
}

function databaseOf(values: Values): number {
  const text = textOf(values, 'db') ?? '0';
  if (!/^\d{1,9}$/.test(text)) throw new UsageError('--db must be a number');
  if (text !== '0' && isSet(values, 'cluster')) throw new UsageError('a Cluster has only the database 0');
  return Number(text);
}

function listOf(values: Values, name: string): string[] | undefined {
  return textOf(values, name)
    ?.split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
