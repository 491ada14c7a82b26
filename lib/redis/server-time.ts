/** Lua: `now`, Unix ms by the server's clock, which alone decides. */
export const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + (time[2] - time[2] % 1000) / 1000
`;

/** Unix ms of a reply to TIME. */
export function msOfTime([seconds, micros]: readonly (string | number)[]): number {
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}
