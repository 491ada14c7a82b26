#!/usr/bin/env bash
# A machine without redis-server: the package must fetch one by itself, with root and without. Needs Debian or Ubuntu with
# its package mirror in reach, and redis-server installed; run by hand, since the network is none of the tests' business.
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

echo '--- in a container: docker is played by a script here, so this shows what it is called with, not that it works'
cat >"$work/bare/docker" <<'SH'
#!/bin/sh
[ "$1" = pull ] && exit 0
while [ "$1" != redis-server ]; do shift; done
shift
exec /usr/bin/redis-server "$@"
SH
chmod +x "$work/bare/docker"
ln -s "$(command -v id)" "$(command -v cat)" "$(command -v rm)" "$work/bare/"
"${as[@]}" env -i HOME="$work/empty-home" PATH="$work/bare" node "$work/check.mjs"

if [[ $user == root ]] && unshare -m true 2>/dev/null; then
  echo '--- as root, and then without root, on a machine that never ran apt-get update: in a mount namespace, this machine stays as it is'
  for as_user in root nobody; do
    AS_USER=$as_user WORK=$work unshare -m bash -euo pipefail <<'SH'
mkdir -p "$WORK/layers" && mount -t tmpfs tmpfs "$WORK/layers"
for directory in usr var etc; do
  mkdir -p "$WORK/layers/$directory" "$WORK/layers/$directory.work"
  mount -t overlay overlay -o "lowerdir=/$directory,upperdir=$WORK/layers/$directory,workdir=$WORK/layers/$directory.work" "/$directory"
done
apt-get remove -y redis-server redis-tools >/dev/null 2>&1
rm -rf /var/lib/apt/lists/* /usr/sbin/policy-rc.d
mkdir "$WORK/home-$AS_USER" && chown "$AS_USER" "$WORK/home-$AS_USER"
setpriv --reuid "$AS_USER" --clear-groups env -i HOME="$WORK/home-$AS_USER" PATH="$PATH" node "$WORK/check.mjs"
[ ! -e /usr/sbin/policy-rc.d ]
SH
  done
fi
