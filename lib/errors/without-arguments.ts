const ECHOED_ARGUMENTS = /,? with args beginning with.*$/s;

/**
 * The driver's errors carry the command with its arguments, passwords and tokens among them, and Redis echoes those of
 * unknown commands: a copy with name, code and the rest of the text.
 */
export function withoutArguments(error: unknown): Error {
  const source = error instanceof Error ? error : new Error(String(error));
  const code = 'code' in source && typeof source.code === 'string' ? source.code : undefined;
  // Node's error for several addresses that all failed has no message.
  const copy = new Error(source.message.replace(ECHOED_ARGUMENTS, '').trim() || code || source.name);
  copy.name = source.name;
  return code === undefined ? copy : Object.assign(copy, { code });
}
