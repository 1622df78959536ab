import type { Invocation } from './api.ts';

export interface Context {
  readonly functionName: string | undefined;
  readonly functionVersion: string | undefined;
  /** Text, as on Lambda. */
  readonly memoryLimitInMB: string | undefined;
  readonly logGroupName: string | undefined;
  readonly logStreamName: string | undefined;
  readonly clientContext: unknown;
  readonly identity: unknown;
  readonly invokedFunctionArn: string;
  readonly awsRequestId: string;
  readonly tenantId?: string | undefined;
  readonly xRayTraceId?: string | undefined;
  callbackWaitsForEmptyEventLoop?: boolean;
  getRemainingTimeInMillis(): number;
}

export function createContext(invocation: Invocation, legacy: boolean): Context {
  const env = process.env;
  return {
    functionName: env['AWS_LAMBDA_FUNCTION_NAME'],
    functionVersion: env['AWS_LAMBDA_FUNCTION_VERSION'],
    memoryLimitInMB: env['AWS_LAMBDA_FUNCTION_MEMORY_SIZE'],
    logGroupName: env['AWS_LAMBDA_LOG_GROUP_NAME'],
    logStreamName: env['AWS_LAMBDA_LOG_STREAM_NAME'],
    clientContext: parsed(invocation.clientContext),
    identity: parsed(invocation.cognitoIdentity),
    invokedFunctionArn: invocation.functionArn,
    awsRequestId: invocation.requestId,
    getRemainingTimeInMillis: () => invocation.deadlineMs - Date.now(),
    ...(legacy
      ? { callbackWaitsForEmptyEventLoop: true }
      : { tenantId: undefined, xRayTraceId: invocation.traceId }),
  };
}

function parsed(json: string | undefined): unknown {
  return json === undefined ? undefined : JSON.parse(json);
}
