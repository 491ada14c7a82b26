/**
 * Why a Redis that answers will not have us, with the next step; undefined where it is merely not there (yet),
 * so that waiting helps.
 */
export function explainRefusal(error: Error): string | undefined {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const { message } = error;
  if (/CERT_ALTNAME_INVALID/.test(code)) {
    return 'the certificate is for another host name; connect by a name that it holds, or set tls.servername';
  }
  if (CERTIFICATE.test(code)) return `the certificate is not trusted (${code}); give its authority in tls.ca`;
  if (/^ERR_(SSL|TLS|OSSL)_/.test(code) && !/WRONG_VERSION|PACKET_LENGTH/.test(code)) {
    return `the TLS handshake failed (${code}); check tls.cert, tls.key and tls.ca`;
  }
  return REPLIES.find(([pattern]) => pattern.test(message))?.[1];
}

const CERTIFICATE = /^(SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)|CERT_|INVALID_CA|HOSTNAME_MISMATCH)/;

const REPLIES: readonly (readonly [RegExp, string])[] = [
  [/WRONGPASS|invalid password/i, 'the user name or password is wrong (WRONGPASS); check the credentials of this connection'],
  [/NOAUTH/, 'a password is required (NOAUTH); give password, and username where it is an ACL user'],
  [/DB index is out of range/, 'the database number does not exist there; set db to one that does, or raise `databases`'],
  [/NOPERM.*'select'/i, 'the ACL user may not SELECT the database; grant it +select, or use db 0'],
  [
    /NOPERM|^ERR The user executing the script can't/,
    'the ACL user lacks a permission (NOPERM); grant it the commands that the README lists',
  ],
  [/cluster support disabled/i, 'it is not a Cluster; give a single host, without a list of nodes'],
  [
    /No such master with that name|^All sentinels are unreachable(?!.*Last error)/,
    'the sentinels know no master of this name; check the name of the master',
  ],
  [/^this server is too old/, 'Redis 7.0 or Valkey 7.2 is the oldest that works; upgrade the server'],
];
