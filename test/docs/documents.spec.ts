import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const documents = ['README.md', ...readdirSync(join(root, 'docs')).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : []))].map(
  (name) => ({ name, text: readFileSync(join(root, name), 'utf8') }),
);
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

/** What a fragment may use without showing where it came from. */
const given = `
  import type { INestApplication } from '@nestjs/common';
  import type * as all from 'nestjs-redis-auth';
  declare global {
    const app: INestApplication;
    const sessions: all.SessionService;
    const tokens: all.TokenStore;
    const oauth: all.OAuthTokenStore;
    const locks: all.DistributedLock;
    const cache: all.CacheAdapter;
    const limiter: all.RateLimiter;
    const connection: all.RedisAuthConnection;
    type StoredTokenInfo = all.StoredTokenInfo;
    const mail: (userId: string, text: string) => Promise<void>;
    const passwordIsRight: () => Promise<boolean>;
    const audit: (...what: unknown[]) => void;
    const userId: string;
    const sessionId: string;
    const accessToken: string;
    const refreshToken: string;
  }`;

describe('the documents', () => {
  it('show TypeScript that compiles, each block by itself', () => {
    const blocks = documents.flatMap((document) => codeBlocks(document, 'ts'));
    expect(blocks.length).toBeGreaterThan(10);
    expect(mistakesOf(new Map([...blocks, ['given.ts', given]]))).toEqual([]);
  }, 180_000);

  it('would notice a block that does not', () => {
    const wrong = "import { SessionService } from 'nestjs-redis-auth';\nawait new SessionService().creat('ada');";
    expect(mistakesOf(new Map([['wrong.ts', wrong]])).join()).toContain("'creat' does not exist");
  }, 180_000);

  it('name npm scripts that exist', () => {
    const named = [
      ...documents
        .map(({ text }) => text)
        .join()
        .matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/g),
    ].map((match) => match[1] ?? match[2]!);
    expect(named).toContain('start');
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});

/** The fenced blocks of a language, named by the line of the document where they start. */
function codeBlocks({ name, text }: (typeof documents)[number], language: string): [name: string, source: string][] {
  const fences = text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'));
  return [...fences].map((fence) => [`${name}.${text.slice(0, fence.index).split('\n').length}.ts`, fence[1]!]);
}

/** Compiles the sources against lib/, as strictly as lib/ itself, and returns what the compiler has to say. */
function mistakesOf(sources: Map<string, string>): string[] {
  const { compilerOptions } = ts.readConfigFile(join(root, 'tsconfig.json'), (file) => ts.sys.readFile(file)).config as {
    compilerOptions: object;
  };
  const { options } = ts.convertCompilerOptionsFromJson({ ...compilerOptions, noUnusedLocals: false, noUnusedParameters: false }, root);
  // A module by itself, so that two blocks may declare the same name.
  const texts = new Map([...sources].map(([name, text]) => [join(root, name), `${text}\nexport {};\n`]));
  const disk = ts.createCompilerHost(options);
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (file) => texts.has(file) || disk.fileExists(file),
    getSourceFile: (file, ...rest) =>
      texts.has(file) ? ts.createSourceFile(file, texts.get(file)!, rest[0]) : disk.getSourceFile(file, ...rest),
  };
  const program = ts.createProgram([...texts.keys()], options, host);
  return [...texts.keys()]
    .map((file) => program.getSourceFile(file)!)
    .flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)])
    .map((found) => {
      const { line } = found.file!.getLineAndCharacterOfPosition(found.start ?? 0);
      return `${found.file!.fileName} +${line + 1}: ${ts.flattenDiagnosticMessageText(found.messageText, ' ')}`;
    });
}
