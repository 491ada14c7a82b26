import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    chromiumPath: string;
  }
}

/** Finds a Chromium, or installs Debian's; else ends the run, saying what is missing. */
export default function setup(project: TestProject): void {
  const path = installedChromium() ?? installChromium();
  if (!path) {
    console.error(
      [
        'The tests of the page need a Chromium, and there is none on this machine.',
        '  Debian, Ubuntu, as root: apt-get install -y chromium',
        '  elsewhere: install Chromium or Chrome and set CHROMIUM_PATH to its program',
      ].join('\n'),
    );
    throw new Error('no Chromium found');
  }
  project.provide('chromiumPath', path);
}

function installedChromium(): string | undefined {
  const { CHROMIUM_PATH } = process.env;
  if (CHROMIUM_PATH) return existsSync(CHROMIUM_PATH) ? CHROMIUM_PATH : undefined;
  return [
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/snap/bin/chromium',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ].find((path) => existsSync(path));
}

function installChromium(): string | undefined {
  // A path that was asked for and is not there is a mistake to tell, not one to work around.
  if (process.env.CHROMIUM_PATH || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return undefined;
  console.error('installing chromium with apt-get, once');
  const apt = (...args: string[]) =>
    spawnSync('apt-get', ['-qq', ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }).status === 0;
  const install = () => apt('install', '-y', '--no-install-recommends', 'chromium');
  return install() || (apt('update') && install()) ? installedChromium() : undefined;
}
