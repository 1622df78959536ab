import type { Response } from '../contract/response.ts';
import { BootstrapError, type BootstrapErrorCode } from '../errors.ts';
import { redact, redactLogTail } from './redact.ts';

/**
 * What Lambda calls an invocation that it did not begin, and that may go well a little later. By name, not by status: a proxy on
 * the way answers 502 or 429 as well, while the function is at work.
 *
 * Source: errors of the operation Invoke in the AWS Lambda API Reference.
 */
const notReady: ReadonlySet<string> = new Set([
  'EC2AccessDeniedException',
  'EC2ThrottledException',
  'EC2UnexpectedException',
  'ENILimitReachedException',
  'InvalidRuntimeException',
  'InvalidSecurityGroupIDException',
  'InvalidSubnetIDException',
  'InvalidZipFileException',
  'KMSAccessDeniedException',
  'KMSDisabledException',
  'KMSInvalidStateException',
  'KMSNotFoundException',
  'ResourceConflictException',
  'ResourceNotReadyException',
  'SnapStartException',
  'SnapStartNotReadyException',
  'SnapStartTimeoutException',
  'SubnetIPAddressLimitReachedException',
]);
const throttled: ReadonlySet<string> = new Set(['TooManyRequestsException', 'ThrottlingException']);

/** Errors of the Lambda API and of the way there, by the SDK's error name. */
export function invokeFailure(error: unknown, functionName: string): BootstrapError {
  const {
    name = '',
    message = '',
    code,
    $metadata,
  } = error as {
    name?: string;
    message?: string;
    code?: string;
    $metadata?: { httpStatusCode?: number };
  };
  const status = $metadata?.httpStatusCode;
  const make = (own: BootstrapErrorCode, text: string, hint: string): BootstrapError =>
    new BootstrapError(own, text, {
      hint,
      details: { functionName, awsError: name, ...(status ? { status } : {}) },
      cause: error,
    });

  if (name === 'ResourceNotFoundException') {
    return make(
      'BOOTSTRAP_FUNCTION_NOT_FOUND',
      `there is no function "${functionName}"`,
      'Check name, region and account, or deploy it.',
    );
  }
  if (/^(CredentialsProviderError|TokenProviderError|NoCredentials)/.test(name)) {
    return make(
      'BOOTSTRAP_CREDENTIALS_UNAVAILABLE',
      `no AWS credentials: ${message}`,
      'Log in (aws sso login) or set AWS_PROFILE; in a pipeline, assume the role in a step before this one.',
    );
  }
  // The SDK's sentence, thrown without a name of its own before anything is sent.
  if (name === 'Error' && message === 'Region is missing') {
    return make(
      'BOOTSTRAP_REGION_MISSING',
      `nobody says in which region "${functionName}" is`,
      'Set AWS_REGION, or region in the profile of AWS_PROFILE.',
    );
  }
  if (
    /^(AccessDenied|UnrecognizedClient|InvalidSignature|InvalidClientTokenId|ExpiredToken|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken)/.test(
      name,
    )
  ) {
    return make(
      'BOOTSTRAP_ACCESS_DENIED',
      `"${functionName}" may not be invoked: ${message}`,
      'The caller needs lambda:InvokeFunction on this function, with credentials that are still valid.',
    );
  }
  if (throttled.has(name)) {
    return make(
      'BOOTSTRAP_THROTTLED',
      `"${functionName}" is throttled: ${message}`,
      'Somebody else runs it, or its reserved concurrency is 0. Try again later.',
    );
  }
  if (notReady.has(name)) {
    return make(
      'BOOTSTRAP_FUNCTION_NOT_READY',
      `"${functionName}" cannot start: ${message}`,
      'It is being created or updated, or its network cannot be attached. Look at State and LastUpdateStatus of the function.',
    );
  }
  // The SDK gives broken connections this name too.
  if (name === 'TimeoutError' && code !== 'ECONNRESET' && code !== 'EPIPE') {
    return make(
      'BOOTSTRAP_INVOKE_TIMEOUT',
      `"${functionName}" gave no answer in time: ${message}`,
      'It may still be at work. The same request can be repeated: locks in the database keep the runs apart.',
    );
  }
  return make(
    'BOOTSTRAP_INVOKE_FAILED',
    `"${functionName}" could not be invoked: ${message || name}`,
    'Check the network. If the connection broke, or a proxy gave up, during the run: the same request can be repeated.',
  );
}

/** The function ended without an answer of ours. */
export function functionFailure(
  payload: string,
  functionName: string,
  logResult: string | undefined,
): BootstrapError {
  let type = '';
  let message = '';
  try {
    const parsed = JSON.parse(payload) as { errorType?: string; errorMessage?: string };
    type = parsed.errorType ?? '';
    message = parsed.errorMessage ?? '';
  } catch {
    message = payload.slice(0, 200);
  }
  const details = { functionName, errorType: type, ...logTail(logResult) };
  const text = redact(message);
  if (type === 'Sandbox.Timedout' || /Task timed out after/.test(message)) {
    return new BootstrapError('BOOTSTRAP_FUNCTION_TIMEOUT', `"${functionName}" ran out of time: ${text}`, {
      hint: 'Run it again: what was done stays. If one migration takes longer than the time-out of the function, raise it (at most 900 s).',
      details,
    });
  }
  if (type === 'Runtime.OutOfMemory' || /signal: killed/.test(message)) {
    return new BootstrapError('BOOTSTRAP_FUNCTION_OUT_OF_MEMORY', `"${functionName}" was killed: ${text}`, {
      hint: 'Give the function more memory; 256 MB are plenty for most.',
      details,
    });
  }
  return new BootstrapError(
    'BOOTSTRAP_FUNCTION_CRASHED',
    `"${functionName}" crashed: ${[type, text].filter(Boolean).join(': ')}`,
    {
      hint: 'Deploy the zip of buildArtifact() with handler "index.handler" on nodejs22.x or newer; see details.logTail.',
      details,
    },
  );
}

/** The result, or the function's error rebuilt with the end of its log. */
export function readAnswer(payload: string, functionName: string, logResult: string | undefined): unknown {
  let answer: Response | undefined;
  try {
    answer = JSON.parse(payload) as Response;
  } catch {
    // Reported below.
  }
  if (answer?.ok === true) return answer.result;
  if (answer?.ok === false && typeof answer.error?.code === 'string') {
    const { code, kind, message, hint, details } = answer.error;
    throw new BootstrapError(code, message, {
      kind,
      ...(hint === undefined ? {} : { hint }),
      details: { ...details, functionName, ...logTail(logResult) },
    });
  }
  throw new BootstrapError(
    'BOOTSTRAP_RESPONSE_INVALID',
    `"${functionName}" answered something that is not of our contract`,
    {
      hint: 'Is this the name of a bootstrap function, deployed from a matching version?',
      details: { functionName, ...logTail(logResult) },
    },
  );
}

/** The last 4 KB of the log, which Lambda sends along when asked. */
function logTail(logResult: string | undefined): { logTail?: string } {
  if (!logResult) return {};
  return { logTail: redactLogTail(logResult) };
}
