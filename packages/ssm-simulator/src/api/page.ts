import { SsmApiError } from '../errors.ts';

/**
 * One page of a list. The token is opaque to clients and bound to the operation, so that a token of another
 * operation, or an invented one, is refused as the service does.
 */
export function page<T>(
  operation: string,
  items: readonly T[],
  request: { maxResults: number; nextToken: string | undefined },
): { items: readonly T[]; nextToken?: string } {
  const start = request.nextToken === undefined ? 0 : readToken(operation, request.nextToken);
  const end = start + request.maxResults;
  return {
    items: items.slice(start, end),
    ...(end < items.length ? { nextToken: writeToken(operation, end) } : {}),
  };
}

function writeToken(operation: string, start: number): string {
  return Buffer.from(`${operation} ${start}`).toString('base64');
}

function readToken(operation: string, token: string): number {
  const [owner, start] = Buffer.from(token, 'base64').toString().split(' ');
  if (owner !== operation || start === undefined || writeToken(operation, Number(start)) !== token)
    throw new SsmApiError('InvalidNextToken', 'The specified token is not valid.');
  return Number(start);
}
