import { SsmApiError } from '../errors.ts';
import type { SessionDocument } from './session-document.ts';

/**
 * The value of every parameter of a document: given values first, then defaults. Throws `InvalidParameters`
 * for values outside `allowedPattern` or `allowedValues`, for parameters that the document does not have, and for
 * missing ones without default.
 */
export function parameterValues(
  name: string,
  document: SessionDocument,
  given: Readonly<Record<string, readonly string[]>>,
): Record<string, string> {
  const declared = document.parameters ?? {};
  const unknown = Object.keys(given).filter((key) => !Object.hasOwn(declared, key));
  if (unknown.length > 0)
    throw new SsmApiError(
      'InvalidParameters',
      `Document ${name} does not support parameters: ${unknown.join(', ')}.`,
    );
  const values: Record<string, string> = {};
  for (const [key, parameter] of Object.entries(declared)) {
    const list = given[key];
    if (list !== undefined && list.length > 1)
      throw new SsmApiError(
        'InvalidParameters',
        `Parameter "${key}" is of type String and has ${list.length} values.`,
      );
    const value = list?.[0] ?? parameter.default;
    if (value === undefined)
      throw new SsmApiError('InvalidParameters', `Parameter "${key}" requires a value.`);
    if (list?.[0] !== undefined) {
      // The wording of the next line is the service's own.
      if (parameter.allowedPattern !== undefined && !new RegExp(parameter.allowedPattern).test(value))
        throw new SsmApiError(
          'InvalidParameters',
          `Parameter "${key}" has value "${value}" not matching "${parameter.allowedPattern}".`,
        );
      if (parameter.allowedValues !== undefined && !parameter.allowedValues.includes(value))
        throw new SsmApiError(
          'InvalidParameters',
          `Parameter "${key}" has value "${value}" not in [${parameter.allowedValues.join(', ')}].`,
        );
    }
    values[key] = value;
  }
  return values;
}
