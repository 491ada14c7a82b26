import ts from 'typescript';
import type { Edit } from './mutant.js';

const { SyntaxKind } = ts;

const INVERSE: Readonly<Partial<Record<ts.SyntaxKind, readonly string[]>>> = {
  [SyntaxKind.EqualsEqualsEqualsToken]: ['!=='],
  [SyntaxKind.ExclamationEqualsEqualsToken]: ['==='],
  [SyntaxKind.LessThanToken]: ['<=', '>='],
  [SyntaxKind.LessThanEqualsToken]: ['<', '>'],
  [SyntaxKind.GreaterThanToken]: ['>=', '<='],
  [SyntaxKind.GreaterThanEqualsToken]: ['>', '<'],
  [SyntaxKind.PlusToken]: ['-'],
  [SyntaxKind.MinusToken]: ['+'],
  [SyntaxKind.AsteriskToken]: ['/'],
  [SyntaxKind.SlashToken]: ['*'],
};

const JOINTS = new Set([SyntaxKind.AmpersandAmpersandToken, SyntaxKind.BarBarToken]);

/** Every small mistake that the operators make in a file of TypeScript. */
export function tsEdits(file: string, text: string): Edit[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true);
  const edits: Edit[] = [];
  const put = (node: ts.Node, operator: string, ...replacements: string[]): void => {
    const at = node.getStart(source);
    for (const replacement of replacements) edits.push({ at, length: node.getEnd() - at, replacement, operator });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node)) return;
    if (ts.isIfStatement(node)) put(node.expression, 'condition', 'true', 'false');
    if (ts.isConditionalExpression(node)) put(node.condition, 'condition', 'true', 'false');
    if (ts.isBinaryExpression(node)) binary(node, put);
    if (ts.isPrefixUnaryExpression(node) && node.operator === SyntaxKind.ExclamationToken) {
      put(node, 'operator', node.operand.getText(source));
    }
    if (ts.isNumericLiteral(node)) put(node, 'constant', `${node.getText(source)} + 1`, `${node.getText(source)} - 1`);
    if (node.kind === SyntaxKind.TrueKeyword) put(node, 'constant', 'false');
    if (node.kind === SyntaxKind.FalseKeyword) put(node, 'constant', 'true');
    if (ts.isExpressionStatement(node)) put(node, 'statement', ';');
    if (ts.isThrowStatement(node)) put(node, 'statement', ';');
    if (ts.isStringLiteral(node) && ts.isArrayLiteralExpression(node.parent)) put(node, 'element', "'nothing'");
    node.forEachChild(visit);
  };
  visit(source);
  return edits;
}

function binary(node: ts.BinaryExpression, put: (node: ts.Node, operator: string, ...replacements: string[]) => void): void {
  const { left, operatorToken, right } = node;
  if (JOINTS.has(operatorToken.kind)) put(node, 'part of a condition', left.getText(), right.getText());
  put(operatorToken, 'operator', ...(INVERSE[operatorToken.kind] ?? []));
}
