import { decode, ExtData, encode } from '@msgpack/msgpack';

/** A value of Terraform's language on the wire: what is not known yet is an extension of MessagePack. */
export type Value =
  | null
  | boolean
  | number
  | string
  | ExtData
  | readonly Value[]
  | { readonly [name: string]: Value };

export interface WireValue {
  readonly msgpack: Uint8Array;
  readonly json?: Uint8Array;
}

/** Decided when it is applied. The payload has no meaning. */
export const UNKNOWN: ExtData = new ExtData(0, new Uint8Array([0]));

/** Every extension stands for something unknown, also those of protocol versions to come. */
export function isUnknown(value: Value): value is ExtData {
  return value instanceof ExtData;
}

export function isObject(value: Value): value is { readonly [name: string]: Value } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isUnknown(value);
}

export function decodeValue(wire: WireValue | null | undefined): Value {
  if (wire === null || wire === undefined) return null;
  if (wire.msgpack.length > 0) return decode(wire.msgpack) as Value;
  if (wire.json !== undefined && wire.json.length > 0)
    return JSON.parse(Buffer.from(wire.json).toString('utf8')) as Value;
  return null;
}

export function encodeValue(value: Value): WireValue {
  return { msgpack: encode(value) };
}
