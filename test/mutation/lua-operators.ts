import ts from 'typescript';
import type { Edit } from './mutant.js';

const INVERSE: Readonly<Record<string, readonly string[]>> = {
  '==': ['~='],
  '~=': ['=='],
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '+': ['-'],
  '-': ['+'],
  and: ['or'],
  or: ['and'],
};

/** Every small mistake that the operators make in the Lua of a `.lua.ts`, which is in its templates. */
export function luaEdits(file: string, text: string): Edit[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023);
  const edits: Edit[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isTemplateLiteralToken(node)) {
      const start = node.getStart(source);
      const end = node.kind === ts.SyntaxKind.TemplateHead || node.kind === ts.SyntaxKind.TemplateMiddle ? 2 : 1;
      edits.push(...editsOf(text.slice(start + 1, node.getEnd() - end), start + 1));
    }
    node.forEachChild(visit);
  };
  visit(source);
  return edits;
}

function editsOf(lua: string, from: number): Edit[] {
  let at = from;
  return lua.split('\n').flatMap((line) => {
    const found = line.startsWith('#!') ? flagEdits(line) : lineEdits(line);
    const placed = found.map((edit) => ({ ...edit, at: edit.at + at }));
    at += line.length + 1;
    return placed;
  });
}

/** A script that may not be refused where Redis is full, is. */
function flagEdits(line: string): Edit[] {
  return matches(line, / flags=allow-oom/g).map(({ at, text }) => ({ at, length: text.length, replacement: '', operator: 'flag' }));
}

function lineEdits(line: string): Edit[] {
  const code = withoutText(line);
  return [...conditionEdits(code), ...operatorEdits(code), ...constantEdits(code), ...statementEdits(line, code), ...optionEdits(line)];
}

/** Always, never, and without one of its parts. */
function conditionEdits(code: string): Edit[] {
  return matches(code, /\b(?:if|elseif) (.+?) then\b/g).flatMap(({ at, text, groups }) => {
    const condition = groups[0]!;
    const start = at + text.indexOf(condition);
    const whole = { at: start, length: condition.length, operator: 'condition' };
    const parts = partsOf(condition);
    const fewer = parts.length === 1 ? [] : parts.map((_, n) => withoutPart(condition, parts, n));
    return [
      { ...whole, replacement: 'true' },
      { ...whole, replacement: 'false' },
      ...fewer.map(({ from, to }) => ({ at: start + from, length: to - from, replacement: '', operator: 'part of a condition' })),
    ];
  });
}

interface Part {
  readonly from: number;
  readonly to: number;
}

/** Where its parts stand that `and` and `or` join outside of parentheses. */
function partsOf(condition: string): Part[] {
  const parts: Part[] = [];
  let [depth, from] = [0, 0];
  for (let at = 0; at < condition.length; at++) {
    if ('([{'.includes(condition[at]!)) depth++;
    if (')]}'.includes(condition[at]!)) depth--;
    const joint = depth === 0 && /^ (?:and|or) /.exec(condition.slice(at));
    if (!joint) continue;
    parts.push({ from, to: at });
    at += joint[0].length - 1;
    from = at + 1;
  }
  return [...parts, { from, to: condition.length }];
}

function withoutPart(condition: string, parts: readonly Part[], n: number): Part {
  const next = parts[n + 1];
  return next === undefined ? { from: parts[n - 1]!.to, to: condition.length } : { from: parts[n]!.from, to: next.from };
}

function operatorEdits(code: string): Edit[] {
  const swapped = matches(code, /(?<= )(?:==|~=|<=|>=|<|>|\+|-|and|or)(?= )/g).flatMap(({ at, text }) =>
    INVERSE[text]!.map((replacement) => ({ at, length: text.length, replacement, operator: 'operator' })),
  );
  const extremes = matches(code, /(?<=\bmath\.)(?:min|max)(?=\()/g).map(({ at, text }) => {
    return { at, length: text.length, replacement: text === 'min' ? 'max' : 'min', operator: 'operator' };
  });
  const negations = matches(code, /\bnot /g).map(({ at, text }) => ({ at, length: text.length, replacement: '', operator: 'operator' }));
  return [...swapped, ...extremes, ...negations];
}

/** One more, one less; an index of KEYS or ARGV stays what it is. */
function constantEdits(code: string): Edit[] {
  return matches(code, /(?<![\w.]|KEYS\[|ARGV\[)\d+(?![\w.])/g).flatMap(({ at, text }) =>
    [1, -1].map((step) => ({ at, length: text.length, replacement: String(Number(text) + step), operator: 'constant' })),
  );
}

/** A call or an assignment that is not made, a value that is not returned. */
function statementEdits(line: string, code: string): Edit[] {
  const gone = (at: number, length: number, operator: string): Edit => ({ at, length, replacement: '', operator });
  const whole = /^(?!\s*local\b)\s*(?:[\w.]+\(.*\)|[\w.[\], #+-]+ = .+)$/.test(code) ? [gone(0, line.length, 'statement')] : [];
  const within = matches(code, /\b(?:then|else) (?!return\b|if\b)(.+?) (?=(?:else|elseif|end)\b)/g).map(({ at, text, groups }) =>
    gone(at + text.indexOf(groups[0]!), groups[0]!.length, 'statement'),
  );
  const returns = matches(code, /\breturn (?!nil\b|false\b)(.+?)(?= end\b|$)/g).map(({ at, text, groups }) => {
    return { at: at + text.indexOf(groups[0]!), length: groups[0]!.length, replacement: 'nil', operator: 'return' };
  });
  return [...whole, ...within, ...returns];
}

function optionEdits(line: string): Edit[] {
  return matches(line, /, '(?:GT|KEEPTTL)'/g).map(({ at, text }) => ({ at, length: text.length, replacement: '', operator: 'option' }));
}

/** The line with its comment and what stands in quotes blanked, each at its place. */
function withoutText(line: string): string {
  return line.replace(/'(?:[^'\\]|\\.)*'|--.*$/g, (text) => (text.startsWith('-') ? ' ' : 'q').repeat(text.length));
}

function matches(text: string, pattern: RegExp): { at: number; text: string; groups: (string | undefined)[] }[] {
  return Array.from(text.matchAll(pattern), (match) => ({ at: match.index, text: match[0], groups: match.slice(1) }));
}
