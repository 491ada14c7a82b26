export * from './data-fields.js';
export * from './json.js';
export { randomText } from './random-text.js';
export { seal, unseal } from './sealing.js';
export { assertText } from './text.js';
