import { readFileSync } from 'node:fs';

const pem = (name: string): string => readFileSync(new URL(`certs/${name}`, import.meta.url), 'utf8');
const pair = (name: string): { cert: string; key: string } => ({ cert: pem(`${name}.crt`), key: pem(`${name}.key`) });

/** The CA that a client has to trust. */
export const testCa = pem('ca.crt');
/** A CA that signed no certificate of ours. */
export const otherCa = pem('other-ca.crt');
/** Valid for `localhost` and 127.0.0.1: the `tls` option of startRedis. */
export const serverCertificate = pair('server');
/** Signed by the same CA, for a host that is not this one. */
export const wrongHostCertificate = pair('wrong-host');
/** Of a client, for a server whose `tls.ca` is set. */
export const clientCertificate = pair('client');
/** Its own CA; it was valid in 2020 alone. */
export const expiredCertificate = pair('expired');
