/** What may stand where a string, an object or a number was expected, by what it is. */
export const HOSTILE_VALUES: Readonly<Record<string, unknown>> = {
  undefined,
  null: null,
  number: 42,
  'not a number': Number.NaN,
  boolean: true,
  bigint: 1n,
  symbol: Symbol('s'),
  function: () => 'ann',
  array: ['ann'],
  object: { toString: () => 'ann' },
  'String object': Object('ann'),
  buffer: Buffer.from('ann'),
  empty: '',
  blank: ' ',
  '10 kB': 'x'.repeat(10_240),
  '257 bytes in 129 characters': `${'é'.repeat(128)}x`,
  'lone surrogate': 'ann\ud800',
  NUL: 'ann\0',
  newline: 'ann\r\nDEL x',
  braces: '{ann}',
  'closing brace': '}ann{',
  colon: 'acme:ann',
  pipe: 'ann|acme',
  glob: '*',
  'glob of one': 'an?',
  'glob class': '[a]nn',
  backslash: '\\',
  quotes: `"ann'`,
  emoji: '👩‍👩‍👧',
  'other case': 'ANN',
  longer: 'annabel',
  shorter: 'an',
  escaped: 'acme%3Aann',
  __proto__name: '__proto__',
  constructor: 'constructor',
  'Lua pattern': '%w+',
};

/** Whether a value is text that an id may be: well-formed, 1 to 256 bytes. */
export function isId(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 256 && !/\p{Surrogate}/u.test(value);
}
