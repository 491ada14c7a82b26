/** Bytes of the shortest secret that is accepted. */
export const SHORTEST_SECRET = 32;

const FEWEST_CHARACTERS = 4;

/** Secrets of tutorials, templates and documentations, as letters and digits alone. */
const WELL_KNOWN: readonly string[] = [
  'secret',
  'mysecret',
  'thesecret',
  'yoursecret',
  'supersecret',
  'mysupersecret',
  'yoursupersecret',
  'topsecret',
  'secretkey',
  'mysecretkey',
  'yoursecretkey',
  'supersecretkey',
  'mysupersecretkey',
  'yoursupersecretkey',
  'jwtsecret',
  'myjwtsecret',
  'yourjwtsecret',
  'jwtsecretkey',
  'yourjwtsecretkey',
  'supersecretjwtkey',
  'yoursupersecretjwtkey',
  'sessionsecret',
  'accesstokensecret',
  'refreshtokensecret',
  'your256bitsecret',
  'your384bitsecret',
  'your512bitsecret',
  'astringsecretatleast256bitslong',
  'avalidstringsecretthatisatleast512bitslongwhichisverylong',
  'yoursupersecretjwttokenwithatleast32characterslong',
  'donotusethisvalueinsteadcreateacomplexsecretandkeepitsafeoutsideofthesourcecode',
  'changeme',
  'changethis',
  'replaceme',
  'password',
  'passw0rd',
  'password123',
  'default',
  'defaultsecret',
  'keyboardcat',
  'shhhhh',
  'letmein',
  'qwerty',
  'admin',
];

/** What templates write behind their secret. */
const PLEA_TO_CHANGE = /(please)?change(me|this|it)?((in|for)production)?$/;

/** Why the bytes cannot serve as a secret, with the mend; undefined when nothing speaks against them. */
export function weaknessOf(secret: Buffer, shortest = SHORTEST_SECRET): string | undefined {
  if (secret.length < shortest) {
    return `must be at least ${shortest} bytes long; make one with: openssl rand -base64 48`;
  }
  const text = secret.toString('latin1');
  if (/-----BEGIN|^(ssh|ecdsa)-\S+ AAAA/.test(text)) {
    return 'is a PEM or SSH key, which is no HMAC secret (a public key would let everyone sign); give it as privateKey or publicKey';
  }
  if (isWellKnown(text)) return 'is a well-known default or placeholder; make one with: openssl rand -base64 48';
  if (new Set(secret).size < FEWEST_CHARACTERS) {
    return 'repeats a few characters, which is too little variety for a secret; make one with: openssl rand -base64 48';
  }
  return undefined;
}

/** A default, perhaps with a plea to change it, or written again and again to reach the length, the last time perhaps in part. */
function isWellKnown(text: string): boolean {
  const word = text.toLowerCase().replace(/[^a-z\d]/g, '');
  const bare = word.replace(PLEA_TO_CHANGE, '');
  if (bare === '' && word !== '') return true;
  return WELL_KNOWN.some(
    (known) => bare === known || (word.length >= known.length && known.repeat(Math.ceil(word.length / known.length)).startsWith(word)),
  );
}
