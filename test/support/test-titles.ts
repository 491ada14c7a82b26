import { readFile } from 'node:fs/promises';
import ts from 'typescript';

/** The titles that a spec file gives to its tests and groups, as patterns: what is filled in when it runs may be anything. */
export async function titlesOf(file: string): Promise<RegExp[]> {
  const source = ts.createSourceFile(file, await readFile(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const titles: RegExp[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && names(node.expression) && !isLeftOut(node.expression)) {
      const title = node.arguments[0] && patternOf(node.arguments[0]);
      if (title !== undefined) titles.push(new RegExp(`^${title}$`));
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return titles;
}

/** `it`, `describe`, and what is made of them: `it.each(…)`, `describe.concurrent`. */
function names(callee: ts.Expression): boolean {
  if (ts.isCallExpression(callee) || ts.isPropertyAccessExpression(callee)) return names(callee.expression);
  return ts.isIdentifier(callee) && ['it', 'test', 'describe'].includes(callee.text);
}

/** What does not run proves nothing. */
function isLeftOut(callee: ts.Expression): boolean {
  if (ts.isCallExpression(callee)) return isLeftOut(callee.expression);
  return ts.isPropertyAccessExpression(callee) && ['skip', 'todo', 'fails'].includes(callee.name.text);
}

function patternOf(title: ts.Expression): string | undefined {
  if (ts.isStringLiteral(title) || ts.isNoSubstitutionTemplateLiteral(title)) return filled(title.text);
  if (!ts.isTemplateExpression(title)) return undefined;
  return title.templateSpans.reduce((text, { literal }) => `${text}.+${filled(literal.text)}`, filled(title.head.text));
}

/** `%s` and `$name` are filled in by `it.each`. */
function filled(text: string): string {
  return text
    .split(/%[sdifjo]|\$[a-zA-Z.]+/)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.+');
}
