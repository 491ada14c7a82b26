#!/usr/bin/env bash
# A machine without redis-server: the package must fetch one by itself, without root (and as root with --install-as-root,
# which changes this machine). Debian or Ubuntu, with its package mirror in reach.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"

npx tsc -p tsconfig.build.json --outDir "$work/dist" --sourceMap false --inlineSources false
echo '{ "type": "module" }' >"$work/package.json"
ln -s "$PWD/node_modules" "$work/node_modules"

# The PATH of a machine without redis-server.
mkdir "$work/bin"
for program in /bin/* /usr/bin/* /usr/sbin/*; do
  case "${program##*/}" in redis-* | valkey-*) ;; *) ln -sf "$program" "$work/bin/" ;; esac
done
ln -sf "$(command -v node)" "$work/bin/node"

cat >"$work/check.mjs" <<'JS'
import { findRedisServer, startRedis } from './dist/testing/index.js';
const [program, again] = await Promise.all([findRedisServer(), findRedisServer()]);
const before = performance.now();
const redis = await startRedis({ port: 'tcp' });
console.log(JSON.stringify({ pid: process.pid, command: program.command, version: program.version, same: program === again, startedIn: Math.round(performance.now() - before) }));
await redis.stop();
JS

user=$(id -un)
as=()
if [[ $user == root ]]; then as=(setpriv --reuid nobody --regid nogroup --clear-groups); fi
mkdir "$work/home"
[[ $user == root ]] && chown nobody "$work/home"

run() { "${as[@]}" env -i HOME="$work/home" PATH="$work/bin" node "$work/check.mjs"; }
echo '--- without root, two processes at once: one installs, the other waits'
run &
run
wait $!
echo '--- again: nothing to do'
run
echo '--- without a way to get one: says what to do'
mkdir "$work/bare" "$work/empty-home"
[[ $user == root ]] && chown nobody "$work/empty-home"
ln -s "$(command -v node)" "$work/bare/node"
if "${as[@]}" env -i HOME="$work/empty-home" PATH="$work/bare" node "$work/check.mjs"; then
  echo 'expected a failure' >&2
  exit 1
fi
if [[ ${1:-} == --install-as-root ]]; then
  echo '--- as root'
  apt-get remove -y redis-server
  env -i HOME="$work/root-home" PATH="$PATH" node "$work/check.mjs"
fi
