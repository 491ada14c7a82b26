/** How much of something a test does: little in `npm test`, as much as is promised in `npm run test:long`. */
export function scaled(quick: number, long: number): number {
  return process.env['LONG_RUNS'] === '1' ? long : quick;
}
