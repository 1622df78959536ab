import { SsmApiError } from '../errors.ts';

/** The members of a request, as they came off the wire. */
export type ApiInput = Readonly<Record<string, unknown>>;

/** Limits of a text member, from the service's model. */
export interface TextRules {
  required?: boolean;
  min?: number;
  max?: number;
  pattern?: RegExp;
  /** Closed set of values. */
  oneOf?: readonly string[];
}

/**
 * Reads the members of one request as the service's front does: a member of the wrong JSON type is refused at
 * once (`SerializationException`), members outside their limits are collected and refused together
 * (`ValidationException`) by {@link Constraints.check}.
 */
export class Constraints {
  readonly #input: ApiInput;
  readonly #problems: string[] = [];

  constructor(input: unknown) {
    if (input === undefined || input === null) this.#input = {};
    else if (isObject(input)) this.#input = input;
    else throw wrongType('a structure', input);
  }

  text(member: string, rules: TextRules): string | undefined {
    const value = this.#input[member] ?? undefined;
    return this.#text(value, lowerFirst(member), rules);
  }

  integer(member: string, rules: { min: number; max: number }): number | undefined {
    const value = this.#input[member] ?? undefined;
    if (value === undefined) return undefined;
    if (typeof value !== 'number') throw wrongType('an Integer', value);
    const at = lowerFirst(member);
    if (value < rules.min)
      this.#fail(String(value), at, `Member must have value greater than or equal to ${rules.min}`);
    if (value > rules.max)
      this.#fail(String(value), at, `Member must have value less than or equal to ${rules.max}`);
    return value;
  }

  /** A map of text to lists of text: every value is a list, also a single one. */
  parameters(
    member: string,
    rules: { maxName: number; maxValue: number },
  ): Readonly<Record<string, readonly string[]>> {
    const value = this.#input[member] ?? undefined;
    if (value === undefined) return {};
    if (!isObject(value)) throw wrongType('a map', value);
    const map: Record<string, readonly string[]> = {};
    for (const [name, list] of Object.entries(value)) map[name] = readTextList(list);
    const shown = `{${Object.entries(map)
      .map(([name, list]) => `${name}=[${list.join(', ')}]`)
      .join(', ')}}`;
    const at = lowerFirst(member);
    const outside = (text: string, max: number): boolean => text.length < 1 || text.length > max;
    if (Object.keys(map).some((name) => outside(name, rules.maxName)))
      this.#fail(shown, at, `Map keys must satisfy constraint: [${lengthRule(rules.maxName)}]`);
    if (
      Object.values(map)
        .flat()
        .some((text) => outside(text, rules.maxValue))
    )
      this.#fail(
        shown,
        at,
        `Map value must satisfy constraint: [Member must satisfy constraint: [${lengthRule(rules.maxValue)}]]`,
      );
    return map;
  }

  /** A list of `{ <keyName>, <valueName> }` filters, each with its own limits. */
  filters<T>(
    member: string,
    rules: { min?: number; max: number },
    read: (filter: FilterReader) => T,
  ): readonly T[] {
    const value = this.#input[member] ?? undefined;
    if (value === undefined) return [];
    if (!Array.isArray(value)) throw wrongType('a list', value);
    const at = lowerFirst(member);
    if (value.length < (rules.min ?? 0))
      this.#fail('[]', at, `Member must have length greater than or equal to ${rules.min}`);
    if (value.length > rules.max)
      this.#fail(
        `[${value.length} members]`,
        at,
        `Member must have length less than or equal to ${rules.max}`,
      );
    return value.map((entry: unknown, index) => {
      if (!isObject(entry)) throw wrongType('a structure', entry);
      const path = `${at}.${index + 1}.member`;
      return read({
        text: (name, textRules) =>
          this.#text(entry[name] ?? undefined, `${path}.${lowerFirst(name)}`, textRules),
        list: (name, listRules) => {
          const list = entry[name] ?? undefined;
          const texts = list === undefined ? undefined : readTextList(list);
          const listAt = `${path}.${lowerFirst(name)}`;
          if (texts === undefined) this.#fail(undefined, listAt, 'Member must not be null');
          else if (texts.length < 1)
            this.#fail('[]', listAt, 'Member must have length greater than or equal to 1');
          else if (texts.length > listRules.max)
            this.#fail(
              `[${texts.join(', ')}]`,
              listAt,
              `Member must have length less than or equal to ${listRules.max}`,
            );
          return texts ?? [];
        },
      });
    });
  }

  has(member: string): boolean {
    return (this.#input[member] ?? undefined) !== undefined;
  }

  /** Throws `ValidationException` with every problem found so far, worded as the service words them. */
  check(): void {
    const count = this.#problems.length;
    if (count === 0) return;
    throw new SsmApiError(
      'ValidationException',
      `${count} validation error${count === 1 ? '' : 's'} detected: ${this.#problems.join('; ')}`,
    );
  }

  #text(value: unknown, at: string, rules: TextRules): string | undefined {
    if (value === undefined) {
      if (rules.required === true) this.#fail(undefined, at, 'Member must not be null');
      return undefined;
    }
    if (typeof value !== 'string') throw wrongType('a String', value);
    if (rules.min !== undefined && value.length < rules.min)
      this.#fail(value, at, `Member must have length greater than or equal to ${rules.min}`);
    if (rules.max !== undefined && value.length > rules.max)
      this.#fail(value, at, `Member must have length less than or equal to ${rules.max}`);
    if (rules.pattern !== undefined && !rules.pattern.test(value))
      this.#fail(value, at, `Member must satisfy regular expression pattern: ${rules.pattern.source}`);
    if (rules.oneOf !== undefined && !rules.oneOf.includes(value))
      this.#fail(value, at, `Member must satisfy enum value set: [${rules.oneOf.join(', ')}]`);
    return value;
  }

  #fail(value: string | undefined, at: string, rule: string): void {
    const shown = value === undefined ? 'Value null' : `Value '${value}'`;
    this.#problems.push(`${shown} at '${at}' failed to satisfy constraint: ${rule}`);
  }
}

export interface FilterReader {
  text(name: string, rules: TextRules): string | undefined;
  list(name: string, rules: { max: number }): readonly string[];
}

function readTextList(value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw wrongType('a list', value);
  return value.map((text: unknown) => {
    if (typeof text !== 'string') throw wrongType('a String', text);
    return text;
  });
}

function lengthRule(max: number): string {
  return `Member must have length less than or equal to ${max}, Member must have length greater than or equal to 1`;
}

function wrongType(expected: string, value: unknown): SsmApiError {
  const found = Array.isArray(value)
    ? 'START_OF_LIST'
    : isObject(value)
      ? 'START_OF_STRUCTURE'
      : `${typeof value}_VALUE`.toUpperCase();
  return new SsmApiError('SerializationException', `${found} can not be converted to ${expected}`);
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
