import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const LIB = join(import.meta.dirname, '../../lib');
const HIDDEN = ts.ModifierFlags.Private | ts.ModifierFlags.Protected | ts.ModifierFlags.Static;

type Type = ts.ClassDeclaration | ts.InterfaceDeclaration;

/** Classes and interfaces of lib/ with their public methods: neither static ones nor those that the package keeps to itself. */
export function publicMethods(wanted: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const declares = new RegExp(`^export (abstract )?(class|interface) (${wanted.join('|')})\\b`, 'm');
  const types = readdirSync(LIB, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => [name, readFileSync(join(LIB, name), 'utf8')] as const)
    .filter(([, text]) => declares.test(text))
    .flatMap(([name, text]) => [...ts.createSourceFile(name, text, ts.ScriptTarget.ESNext, true).statements])
    .filter(isType)
    .filter(({ name }) => wanted.includes(name!.text));
  return new Map(types.map((type) => [type.name!.text, methodsOf(type)]));
}

function isType(statement: ts.Statement): statement is Type {
  return (ts.isClassDeclaration(statement) || ts.isInterfaceDeclaration(statement)) && statement.name !== undefined;
}

function methodsOf(type: Type): string[] {
  const names = new Map<string, boolean>();
  for (const member of type.members as ts.NodeArray<ts.ClassElement | ts.TypeElement>) {
    if (!ts.isMethodDeclaration(member) && !ts.isMethodSignature(member)) continue;
    if ((ts.getCombinedModifierFlags(member) & HIDDEN) !== 0) continue;
    const name = member.name.getText();
    // of several overloads one that is public suffices
    names.set(name, (names.get(name) ?? false) || !isInternal(member));
  }
  return [...names].filter(([, isPublic]) => isPublic).map(([name]) => name);
}

function isInternal(member: ts.Node): boolean {
  return ts.getJSDocTags(member).some(({ tagName }) => tagName.text === 'internal');
}
