import type { Outcome } from './sandbox.ts';

/** 6 MB and a little: the number AWS names. */
const maxResponseBytes = 6_291_556;

/** The error type that platform lines name. */
export function failureType(outcome: Outcome): string {
  if (outcome.kind === 'timeout') return 'timeout';
  if (outcome.kind !== 'error') return 'Runtime.ExitError';
  try {
    return (JSON.parse(outcome.body.toString('utf8')) as { errorType: string }).errorType;
  } catch {
    return 'Unknown';
  }
}

/** What Invoke answers. A failed function is a success of the API: only a header tells. */
export function answerOf(
  outcome: Outcome,
  requestId: string,
  timeoutS: number,
): { payload: Buffer; failed: boolean } {
  const failure = (errorType: string, errorMessage: string): { payload: Buffer; failed: boolean } => ({
    payload: Buffer.from(JSON.stringify({ errorType, errorMessage })),
    failed: true,
  });
  switch (outcome.kind) {
    case 'response':
      if (outcome.body.length > maxResponseBytes) {
        return failure(
          'Function.ResponseSizeTooLarge',
          `Response payload size exceeded maximum allowed payload size (${maxResponseBytes} bytes).`,
        );
      }
      return { payload: outcome.body, failed: false };
    case 'error':
      return { payload: outcome.body, failed: true };
    case 'timeout':
      return failure(
        'Sandbox.Timedout',
        `RequestId: ${requestId} Error: Task timed out after ${timeoutS.toFixed(2)} seconds`,
      );
    case 'exit':
      return failure('Runtime.ExitError', `RequestId: ${requestId} Error: ${outcome.message}`);
    case 'ready':
      throw new Error('an invocation ended without an outcome');
  }
}
