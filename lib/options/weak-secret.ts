/** Bytes of the shortest secret that is accepted. */
export const SHORTEST_SECRET = 32;

/** Words that placeholders and defaults are made of; a secret of nothing else is no secret. */
const PLACEHOLDER_WORDS = (
  '384 512 256 a access admin an app application at auth be bit bits byte bytes cat change changed changeme character characters chars ' +
  'code default demo dev development do enter env example for foobar generate hello here hmac hs256 in insecure is it jwt key keyboard ' +
  'least letmein long master me minimum more must my nest nestjs node not of only or pass password phrase placeholder please prod production put ' +
  'qwerty random redis refresh replace sample secret secretkey secrets secure session set shared should sign signing some something string strong super ' +
  'test testing than that the this to todo token use used user value very with word world you your'
).split(' ');

/** Why the bytes cannot serve as a secret, with the mend; undefined when nothing speaks against them. */
export function weaknessOf(secret: Buffer): string | undefined {
  if (secret.length < SHORTEST_SECRET) {
    return `must be at least ${SHORTEST_SECRET} bytes long; make one with: openssl rand -base64 48`;
  }
  const text = secret.toString('latin1');
  if (/-----BEGIN|^(ssh|ecdsa)-\S+ AAAA/.test(text)) {
    return 'is a PEM or SSH key, which is no HMAC secret (a public key would let everyone sign); give it as privateKey or publicKey';
  }
  if (isMadeOfPlaceholders(text)) return 'is a well-known default or placeholder; make one with: openssl rand -base64 48';
  if (new Set(secret).size < 6 || isRepetition(secret) || isMostlySequence(secret)) {
    return 'has too little variety to be a secret (repeated or counted up characters); make one with: openssl rand -base64 48';
  }
  return undefined;
}

/** Words, with separators and digits between them, and nothing else. */
function isMadeOfPlaceholders(text: string): boolean {
  if (!/^[\x20-\x7e\s]+$/.test(text)) return false;
  const letters = text.toLowerCase();
  // most[i]: letters explained by words when the first i characters are covered; -1 where they cannot be.
  const most = new Int32Array(letters.length + 1).fill(-1);
  most[0] = 0;
  for (let i = 0; i < letters.length; i++) {
    const here = most[i] ?? -1;
    if (here < 0) continue;
    if (!/[a-z]/.test(letters.charAt(i))) most[i + 1] = Math.max(most[i + 1] ?? -1, here);
    for (const word of PLACEHOLDER_WORDS) {
      if (letters.startsWith(word, i)) most[i + word.length] = Math.max(most[i + word.length] ?? -1, here + word.length);
    }
  }
  return (most[letters.length] ?? -1) >= letters.length / 3;
}

/** One piece written again and again, the last time perhaps in part. */
function isRepetition(bytes: Buffer): boolean {
  for (let period = 1; period <= bytes.length / 2; period++) {
    if (bytes.subarray(period).equals(bytes.subarray(0, -period))) return true;
  }
  return false;
}

function isMostlySequence(bytes: Buffer): boolean {
  let steps = 0;
  for (let i = 1; i < bytes.length; i++) {
    if (Math.abs((bytes[i] ?? 0) - (bytes[i - 1] ?? 0)) <= 1) steps++;
  }
  return steps > bytes.length * 0.75;
}
