export * from './data-fields.js';
export * from './json.js';
export { randomText } from './random-text.js';
export { assertText } from './text.js';
