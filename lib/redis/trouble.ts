/** What can be wrong with a connection, stable across releases. */
export type TroubleCode =
  | 'connection-refused'
  | 'connection-timeout'
  | 'connection-closed'
  | 'no-answer'
  | 'host-unknown'
  | 'host-unreachable'
  | 'socket-missing'
  | 'socket-denied'
  | 'wrong-credentials'
  | 'password-required'
  | 'permission-missing'
  | 'database-missing'
  | 'database-denied'
  | 'certificate-host'
  | 'certificate-expired'
  | 'certificate-untrusted'
  | 'tls-failed'
  | 'tls-required'
  | 'tls-not-spoken'
  | 'not-redis'
  | 'server-version'
  | 'loading'
  | 'busy'
  | 'too-many-clients'
  | 'protected-mode'
  | 'not-a-cluster'
  | 'cluster-down'
  | 'cluster-nodes-unreachable'
  | 'not-a-sentinel'
  | 'sentinel-master-unknown'
  | 'sentinels-unreachable'
  | 'master-unreachable';

/** Why there is no usable connection, and the next step. */
export interface Trouble {
  readonly code: TroubleCode;
  /** Redis answers but will not have us, so that waiting does not help. */
  readonly isRefusal: boolean;
  /** Never with a password. */
  readonly message: string;
  readonly advice: string;
}

type Row = readonly [pattern: RegExp, code: TroubleCode, message: string, advice: string];

/** By the error's code. `$&` stands for what the pattern found. */
const REFUSALS_BY_CODE: readonly Row[] = [
  [
    /CERT_ALTNAME_INVALID|^HOSTNAME_MISMATCH/,
    'certificate-host',
    'the certificate is for another host name',
    'connect by a name that it holds, or set tls.servername',
  ],
  [
    /^CERT_(HAS_EXPIRED|NOT_YET_VALID)/,
    'certificate-expired',
    'the certificate is not valid at this time ($&)',
    'renew it, or set the clock of this machine',
  ],
  [
    /^(SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)|CERT_|INVALID_CA).*/,
    'certificate-untrusted',
    'the certificate is not trusted ($&)',
    'give its authority in tls.ca',
  ],
  [
    /^ERR_(SSL|TLS|OSSL)_(?!.*(WRONG_VERSION|PACKET_LENGTH)).*/,
    'tls-failed',
    'the TLS handshake failed ($&)',
    'check tls.cert, tls.key and tls.ca',
  ],
];

/** By the text of the error. */
const REFUSALS: readonly Row[] = [
  [
    /WRONGPASS|invalid password/i,
    'wrong-credentials',
    'the user name or password is wrong (WRONGPASS)',
    'check the credentials of this connection',
  ],
  [/NOAUTH/, 'password-required', 'a password is required (NOAUTH)', 'give password, and username where it is an ACL user'],
  [
    /DB index is out of range/,
    'database-missing',
    'the database number does not exist there',
    'set db to one that does, or raise `databases`',
  ],
  [/NOPERM.*'select'/i, 'database-denied', 'the ACL user may not SELECT the database', 'grant it +select, or use db 0'],
  [
    /NOPERM|^ERR The user executing the script can't/,
    'permission-missing',
    'the ACL user lacks a permission (NOPERM)',
    'grant it what `npx nestjs-redis-auth acl` prints',
  ],
  [/cluster support disabled/i, 'not-a-cluster', 'it is not a Cluster', 'give a single host, without a list of nodes'],
  [
    /No such master with that name|^All sentinels are unreachable(?!.*Last error)/,
    'sentinel-master-unknown',
    'the sentinels know no master of this name',
    'check the name of the master',
  ],
  [/^this server is too old/, 'server-version', 'Redis 7.0 or Valkey 7.2 is the oldest that works', 'upgrade the server'],
];

/** Where waiting may help: by code or text. */
const OUTAGES: readonly Row[] = [
  [/WRONG_VERSION|PACKET_LENGTH/, 'tls-not-spoken', 'it does not speak TLS there', 'use redis:// and no `tls`, or the port for TLS'],
  [/ECONNREFUSED/, 'connection-refused', 'nothing listens there', 'start Redis, or check host and port'],
  [/ENOTFOUND|EAI_AGAIN/, 'host-unknown', 'the host name cannot be resolved', 'check its spelling, and the DNS of this machine'],
  [/EHOSTUNREACH|ENETUNREACH/, 'host-unreachable', 'there is no way to this host', 'check the address, routes and firewalls'],
  [/ENOENT/, 'socket-missing', 'there is no such socket', 'start Redis, or check the path and its `unixsocket`'],
  [/EACCES/, 'socket-denied', 'this user may not open the socket', 'give it the right by `unixsocketperm`, or a group'],
  [/ETIMEDOUT/, 'connection-timeout', 'nothing answers there', 'check the address and firewalls, and that both sides use TLS, or neither'],
  [
    /unknown command '?`?sentinel/i,
    'not-a-sentinel',
    'it is a Redis, not a Sentinel',
    'give the addresses of the Sentinels, or that Redis without a name',
  ],
  [/Unknown RESP type|Protocol error, got/, 'not-redis', 'what answers there is not Redis', 'check host and port'],
  [/LOADING/, 'loading', 'it is loading its data', 'wait until it has'],
  [/^BUSY|\bBUSY Redis/, 'busy', 'a script keeps it busy', 'wait, or end that with SCRIPT KILL'],
  [/max number of clients/, 'too-many-clients', 'it has as many connections as it allows', 'raise `maxclients`, or close some'],
  [
    /DENIED Redis is running in protected mode/,
    'protected-mode',
    'it takes connections of its own machine only (protected mode)',
    'set a password there, and `bind` where it is to listen',
  ],
  [/CLUSTERDOWN/, 'cluster-down', 'the Cluster is down: not all slots are served', 'see CLUSTER INFO and CLUSTER NODES'],
  [
    /ECONNRESET|EPIPE|Connection is closed|closed before it was ready|the connection was closed/,
    'connection-closed',
    'the connection is closed as soon as it is there',
    'check that both sides use TLS, or neither, that `maxclients` is not reached, and what stands between',
  ],
];

/** What no error tells, and has to be found out. */
export const TROUBLES = {
  tlsRequired: outage('tls-required', 'it speaks TLS only', 'use rediss://, or set redis.tls'),
  tlsNotSpoken: outage('tls-not-spoken', 'it does not speak TLS there', 'use redis:// and no `tls`, or the port for TLS'),
  notRedis: outage('not-redis', 'what answers there is not Redis', 'check host and port'),
  closed: outage(
    'connection-closed',
    'the connection is closed as soon as it is there',
    'see what stands between: a proxy or load balancer without a server',
  ),
  noAnswer: outage(
    'no-answer',
    'it takes connections and answers nothing',
    'see whether Redis stands still (stopped, swapping, a slow command), or what stands between',
  ),
  clusterDown: outage('cluster-down', 'the Cluster is down: not all slots are served', 'see CLUSTER INFO and CLUSTER NODES'),
  masterUnknown: refusal('sentinel-master-unknown', 'the sentinels know no master of this name', 'check the name of the master'),
} as const;

function outage(code: TroubleCode, message: string, advice: string): Trouble {
  return { code, isRefusal: false, message, advice };
}

function refusal(code: TroubleCode, message: string, advice: string): Trouble {
  return { code, isRefusal: true, message, advice };
}

/** What a driver's error means, by its code and text; undefined for one that tells nothing. */
export function explainTrouble(error: Error): Trouble | undefined {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const { message } = error;
  return (
    matching(REFUSALS_BY_CODE, code, true) ??
    matching(REFUSALS, message, true) ??
    matching(OUTAGES, `${code === '' ? '' : `${code} `}${message}`, false)
  );
}

/** Why a Redis that answers will not have us, with the next step; undefined where it is merely not there (yet). */
export function explainRefusal(error: Error): string | undefined {
  const trouble = explainTrouble(error);
  return trouble?.isRefusal === true ? inWords(trouble) : undefined;
}

export function inWords({ message, advice }: Pick<Trouble, 'message' | 'advice'>): string {
  return `${message}; ${advice}`;
}

function matching(rows: readonly Row[], text: string, isRefusal: boolean): Trouble | undefined {
  for (const [pattern, code, message, advice] of rows) {
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) return { code, isRefusal, message: message.replace('$&', () => found), advice };
  }
  return undefined;
}
