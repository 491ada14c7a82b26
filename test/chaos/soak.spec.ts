import { expect, it } from 'vitest';
import { leastSquares } from '../support/chaos/soak.js';

it('the slope of what was measured is that of the line through it', () => {
  expect(leastSquares([0, 1, 2, 3].map((x) => [x, 5 + 2 * x]))).toBeCloseTo(2);
  expect(
    leastSquares([
      [0, 1],
      [1, 0],
      [2, 1],
      [3, 0],
      [4, 1],
    ]),
  ).toBeCloseTo(0);
  expect(
    leastSquares([
      [0, 0],
      [1, 3],
      [2, 3],
    ]),
  ).toBeCloseTo(1.5);
});
