import type { Command } from './command.js';

const NAME = 'nestjs-redis-auth';

export function overview(commands: ReadonlyMap<string, Command>): string {
  return `Usage: ${NAME} <command> [flags]

${table([...commands].map(([name, { summary }]) => [name, summary]))}

${NAME} <command> --help tells its flags. Exit codes: 0 done, 1 failed or interrupted, 2 wrong usage.
`;
}

export function helpOf(name: string, { about, flags }: Command): string {
  const rows = Object.entries(flags).map(([flag, { value, help }]): [string, string] => [
    `--${flag}${value === undefined ? '' : ` <${value}>`}`,
    help,
  ]);
  return `Usage: ${NAME} ${name} [flags]\n\n${about}\n\n${table(rows)}\n`;
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`).join('\n');
}
