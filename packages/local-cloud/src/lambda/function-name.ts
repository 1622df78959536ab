import { ApiError, validationMessage } from '../endpoint/api-error.ts';

export interface FunctionReference {
  readonly name: string;
  readonly qualifier: string | undefined;
}

/** The pattern of the service's model, as its validation message shows it. */
const pattern =
  '(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?' +
  '([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?';
const shape = new RegExp(`^${pattern}$`);

/**
 * A function's name, partial ARN (`<account>:function:<name>`) or ARN, each with an optional `:<qualifier>`.
 * A `Qualifier` in the query has to agree with one in the name.
 */
export function parseFunctionName(
  text: string,
  queryQualifier: string | undefined,
  home: { region: string; accountId: string },
): FunctionReference {
  const match = shape.exec(text);
  if (match === null || text.length > 170) {
    throw new ApiError(
      'ValidationException',
      400,
      validationMessage([
        `Value '${text}' at 'functionName' failed to satisfy constraint: ` +
          `Member must satisfy regular expression pattern: ${pattern}`,
      ]),
    );
  }
  const region = match[3]?.slice(0, -1);
  const accountId = match[5]?.slice(0, -1);
  const name = match[7] as string;
  const qualifier = match[9];
  if (region !== undefined && region !== home.region) throw functionNotFound(text);
  if (accountId !== undefined && accountId !== home.accountId) throw functionNotFound(text);
  if (qualifier !== undefined && queryQualifier !== undefined && qualifier !== queryQualifier) {
    throw new ApiError(
      'InvalidParameterValueException',
      400,
      'The derived qualifier from the function name does not match the specified qualifier.',
    );
  }
  return { name, qualifier: qualifier ?? queryQualifier };
}

/** `arn` is what was asked for, qualifier included. */
export function functionNotFound(arn: string): ApiError {
  return new ApiError('ResourceNotFoundException', 404, `Function not found: ${arn}`);
}
