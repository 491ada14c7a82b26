/** Unix ms of a reply to TIME. */
export function msOfTime([seconds, micros]: readonly (string | number)[]): number {
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}
