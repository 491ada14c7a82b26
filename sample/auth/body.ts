import { BadRequestException } from '@nestjs/common';

/** The named field of a JSON body: a string of 1 to 1024 characters, or a 400. */
export function text(body: unknown, name: string): string {
  const value = optionalText(body, name);
  if (value === undefined) throw new BadRequestException(`${name} is missing`);
  return value;
}

/** As {@link text}, undefined where the field is absent. */
export function optionalText(body: unknown, name: string): string | undefined {
  const value = field(body, name);
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value.length < 1 || value.length > 1024) {
    throw new BadRequestException(`${name} must be a string of 1 to 1024 characters`);
  }
  return value;
}

/** The named field as true or false; false where it is absent. */
export function flag(body: unknown, name: string): boolean {
  const value = field(body, name) ?? false;
  if (typeof value !== 'boolean') throw new BadRequestException(`${name} must be true or false`);
  return value;
}

function field(body: unknown, name: string): unknown {
  if (body === undefined) return undefined;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new BadRequestException('the body must be a JSON object');
  return Object.hasOwn(body, name) ? (body as Record<string, unknown>)[name] : undefined;
}
