import type { ErrorResponse, Response } from '../contract/response.ts';
import { errorText, incomplete, toErrorResponse } from './failure.ts';
import { errorForLog } from './log.ts';

/**
 * What Terraform gets: the answer, or an exception with everything a person needs in its message, because name and message
 * are all that Lambda passes on.
 */
export function answerOrThrow(response: Response, logSql: 'masked' | 'full'): Response {
  if (!response.ok) throw thrownFor(response.error, logSql);
  const { result } = response;
  if ('done' in result && !result.done) throw thrownFor(toErrorResponse(incomplete(result)), logSql);
  return response;
}

export function thrownFor(error: ErrorResponse, logSql: 'masked' | 'full'): Error {
  // Lambda writes it to the log, and Terraform to the terminal of a pipeline.
  const thrown = new Error(errorText(errorForLog(error, logSql)));
  thrown.name = error.code;
  thrown.stack = `${thrown.name}: ${thrown.message}`;
  return thrown;
}
