import { invalidField } from '../errors.ts';
import { Offset } from './constants.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** JSON as Go's encoder writes it, so that bodies equal those of the official client and agent byte for byte. */
export function encodeJson(value: unknown): string {
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Parses a JSON body that must be an object. `what` names it in the error. */
export function parseJsonObject(what: string, body: Uint8Array | string): JsonObject {
  const text =
    typeof body === 'string' ? body : Buffer.from(body.buffer, body.byteOffset, body.length).toString();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may hold a token: it stays out of the error.
    throw invalidField(what, Offset.payload, 'is not JSON');
  }
  return requireObject(what, value);
}

export function requireObject(what: string, value: unknown): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidField(what, Offset.payload, 'is not a JSON object');
  }
  return value as JsonObject;
}

/**
 * One member of a JSON object. Go's decoder, which both official peers use, takes a key in any case when the exact
 * one is absent; so do we.
 */
export function member(object: JsonObject, name: string): unknown {
  if (Object.hasOwn(object, name)) return object[name];
  for (const key of Object.keys(object)) if (key.toLowerCase() === name.toLowerCase()) return object[key];
  return undefined;
}

export function requireText(what: string, value: unknown): string {
  if (typeof value !== 'string') throw invalidField(what, Offset.payload, 'is not a string');
  return value;
}

/** Text that may be absent or null; then it is empty, which is how Go reads it. */
export function optionalText(what: string, value: unknown): string {
  return value === undefined || value === null ? '' : requireText(what, value);
}

/** A whole number, 0 or above. */
export function requireCount(what: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw invalidField(what, Offset.payload, 'is not a whole number of 0 or above');
  }
  // JSON knows -0, which is 0 to everybody but us.
  return value + 0;
}

/** A list that may be absent or null; then it is empty. */
export function optionalList(what: string, value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalidField(what, Offset.payload, 'is not a list');
  return value;
}
