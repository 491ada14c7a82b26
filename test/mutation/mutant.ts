import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

/** A piece of a file's text, and what stands in its place. */
export interface Edit {
  readonly at: number;
  readonly length: number;
  readonly replacement: string;
  /** What kind of change it is. */
  readonly operator: string;
}

/** One change of one file of lib/, in memory alone. */
export interface Mutant {
  /** Path from the root of the repository. */
  readonly file: string;
  /** Says what is wrong with it; unlike a number of a line it stays when other lines come and go. */
  readonly name: string;
  readonly operator: string;
  readonly line: number;
  /** The whole file as it would be. */
  readonly text: string;
}

export function textOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** Mutants of one file, one for each edit; what would change nothing, or the same as another, is left out. */
export function mutantsOf(file: string, text: string, edits: readonly Edit[]): Mutant[] {
  const times = new Map<string, number>();
  const seen = new Set([text]);
  return edits.flatMap((edit) => {
    const { at, length, replacement, operator } = edit;
    const changed = text.slice(0, at) + replacement + text.slice(at + length);
    if (seen.has(changed)) return [];
    seen.add(changed);
    const said = `${lineAt(text, at)} -> ${lineAt(changed, at) || '(nothing)'}`;
    const time = (times.get(said) ?? 0) + 1;
    times.set(said, time);
    const line = text.slice(0, at).split('\n').length;
    return [{ file, name: time === 1 ? said : `${said} (${time})`, operator, line, text: changed }];
  });
}

function lineAt(text: string, at: number): string {
  const from = text.lastIndexOf('\n', at - 1) + 1;
  const to = text.indexOf('\n', at);
  return text.slice(from, to < 0 ? undefined : to).trim();
}
