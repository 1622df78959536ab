import { ApiError, validationMessage } from '../endpoint/api-error.ts';
import type { ApiCall, RestAnswer, RestRequest } from '../endpoint/service.ts';
import type { LambdaRunner } from '../lambda-runner/runner.ts';
import type { FunctionReference } from './function-name.ts';
import type { FunctionStore } from './function-store.ts';
import { inState } from './function-store.ts';

const maxAsyncBytes = 1024 * 1024;
const maxClientContext = 3583;
const logTailBytes = 4096;

export async function invoke(
  { store, runner }: { store: FunctionStore; runner: LambdaRunner },
  { name, qualifier }: FunctionReference,
  { headers, body }: RestRequest,
  call: ApiCall,
): Promise<RestAnswer> {
  call.authorize('lambda:InvokeFunction', store.arn(name, qualifier));
  const type = choice(headers, 'invocationType', 'x-amz-invocation-type', [
    'RequestResponse',
    'Event',
    'DryRun',
  ]);
  const logType = choice(headers, 'logType', 'x-amz-log-type', ['None', 'Tail']);
  const record = store.require(name, qualifier);
  if (type === 'DryRun') return { status: 204 };

  if (type === 'Event' && body.length > maxAsyncBytes) {
    throw new ApiError(
      'RequestTooLargeException',
      413,
      `Request must be smaller than ${maxAsyncBytes} bytes for the InvokeFunction operation`,
    );
  }
  const payload = readPayload(body);
  const clientContext = readClientContext(headers.get('x-amz-client-context'));
  if (call.nowMs < record.activeAtMs) throw inState('Pending');

  const run = runner.invoke(record, {
    requestId: call.requestId,
    invokedArn: store.arn(name, qualifier),
    payload,
    clientContext,
  });
  if (type === 'Event') {
    // Accepted is accepted: what becomes of it shows in the logs. AWS would repeat a failure twice.
    run.catch(() => undefined);
    return { status: 202 };
  }
  const result = await run;
  return {
    status: 200,
    headers: {
      'x-amz-executed-version': '$LATEST',
      ...(result.failed ? { 'x-amz-function-error': 'Unhandled' } : {}),
      ...(logType === 'Tail'
        ? { 'x-amz-log-result': result.log.subarray(-logTailBytes).toString('base64') }
        : {}),
    },
    body: result.payload,
  };
}

function choice(
  headers: ReadonlyMap<string, string>,
  member: string,
  header: string,
  values: readonly [string, ...string[]],
): string {
  const value = headers.get(header);
  if (value === undefined) return values[0];
  if (values.includes(value)) return value;
  throw new ApiError(
    'ValidationException',
    400,
    validationMessage([
      `Value '${value}' at '${member}' failed to satisfy constraint: ` +
        `Member must satisfy enum value set: [${values.join(', ')}]`,
    ]),
  );
}

/** An absent payload is an empty object for the function. */
function readPayload(body: Buffer): Buffer {
  if (body.length === 0) return Buffer.from('{}');
  try {
    JSON.parse(body.toString('utf8'));
    return body;
  } catch (error) {
    throw new ApiError(
      'InvalidRequestContentException',
      400,
      `Could not parse request body into json: Could not parse payload into json: ${(error as Error).message}`,
    );
  }
}

function readClientContext(base64: string | undefined): string | undefined {
  if (base64 === undefined) return undefined;
  if (base64.length > maxClientContext) {
    throw new ApiError(
      'InvalidRequestContentException',
      400,
      'Client context must be no more than 3583 bytes.',
    );
  }
  const text = Buffer.from(base64, 'base64').toString('utf8');
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    throw new ApiError(
      'InvalidRequestContentException',
      400,
      'Client context must be a valid Base64-encoded JSON.',
    );
  }
}
