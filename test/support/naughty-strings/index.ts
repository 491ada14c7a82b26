import { readFileSync } from 'node:fs';

type Entry = string | [text: string, times: number];

/** Every text of strings.json, once each; or those of the file that `NAUGHTY_STRINGS` names. */
export const NAUGHTY_STRINGS: readonly string[] = [...new Set(textsOf(process.env['NAUGHTY_STRINGS']))];

/** Whether it may be text from outside: well-formed Unicode of 1 to so many bytes. */
export function isText(text: string, maxBytes: number): boolean {
  return text !== '' && Buffer.byteLength(text) <= maxBytes && !/\p{Surrogate}/u.test(text);
}

function textsOf(path: string | undefined): string[] {
  if (path !== undefined) return JSON.parse(readFileSync(path, 'utf8')) as string[];
  const file = readFileSync(new URL('strings.json', import.meta.url), 'utf8');
  return Object.values(JSON.parse(file) as Record<string, Entry[]>)
    .flat()
    .map((entry) => (typeof entry === 'string' ? entry : entry[0].repeat(entry[1])));
}
