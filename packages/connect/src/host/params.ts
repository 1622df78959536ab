import { ConnectError } from '../errors.ts';

/** What came with a request, checked as it is taken out. Throws `CONNECT_REQUEST_INVALID`. */
export interface Params {
  text(name: string): string;
  /** From 1 to `most`. */
  integer(name: string, most: number): number;
  integers(name: string): number[];
  flag(name: string): boolean;
  oneOf<T extends string>(name: string, values: readonly T[]): T;
  inside(name: string): Params;
  /** `{ name: take() }` when it is there, else `{}`. */
  optional<N extends string, T>(name: N, take: () => T): { [key in N]?: T };
}

export function params(given: Record<string, unknown>): Params {
  const checked = <T>(name: string, accepts: (value: unknown) => boolean, expected: string): T => {
    const value = given[name];
    if (accepts(value)) return value as T;
    throw badParameter(name, expected);
  };
  const self: Params = {
    text: (name) => checked(name, (value) => typeof value === 'string' && value !== '', 'text'),
    integer: (name, most) =>
      checked(
        name,
        (value) => isInteger(value) && value > 0 && value <= most,
        `a whole number from 1 to ${most}`,
      ),
    integers: (name) =>
      checked(name, (value) => Array.isArray(value) && value.every(isInteger), 'a list of whole numbers'),
    flag: (name) => checked(name, (value) => typeof value === 'boolean', 'true or false'),
    oneOf: (name, values) =>
      checked(name, (value) => (values as readonly unknown[]).includes(value), values.join(' or ')),
    inside: (name) =>
      params(checked(name, (value) => typeof value === 'object' && value !== null, 'an object')),
    optional: (name, take) => (given[name] === undefined ? {} : ({ [name]: take() } as never)),
  };
  return self;
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function badParameter(name: string, expected: string): ConnectError {
  return new ConnectError({
    code: 'CONNECT_REQUEST_INVALID',
    kind: 'invalid',
    message: `The request's ${name} must be ${expected}.`,
    hint: 'Correct the call.',
  });
}
