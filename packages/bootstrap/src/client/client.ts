import { channel } from 'node:diagnostics_channel';
import { setTimeout as delay } from 'node:timers/promises';
import { InvokeCommand, LambdaClient, type LambdaClientConfig } from '@aws-sdk/client-lambda';
import type { Action, Request, RequestOf } from '../contract/request.ts';
import type {
  ApplyResult,
  DropResult,
  MigrateResult,
  PingResult,
  PlanResult,
  PrepareResult,
  PublishResult,
  ResultOf,
  StatusResult,
} from '../contract/response.ts';
import { type BootstrapError, isBootstrapError } from '../errors.ts';
import { functionFailure, invokeFailure, readAnswer } from './failure.ts';

const invocations = channel('postern:bootstrap:invoke');

export interface BootstrapClientOptions {
  /** Name or ARN of the function. */
  readonly functionName: string;
  /** Default: the SDK's (`AWS_REGION`, profile). */
  readonly region?: string;
  /** Default: the SDK's (`AWS_ENDPOINT_URL_LAMBDA`, `AWS_ENDPOINT_URL`). */
  readonly endpoint?: string;
  /** Default: the SDK's chain. */
  readonly credentials?: NonNullable<LambdaClientConfig['credentials']>;
  /**
   * Longest wait for one answer. Default 910,000: more than Lambda's longest time-out, because a client that
   * gives up earlier leaves a run behind that nobody watches.
   */
  readonly requestTimeoutMs?: number;
  /**
   * How long a function that cannot start yet (being created or updated, throttled, waking from Inactive) is
   * asked again. Default 120,000.
   */
  readonly startTimeoutMs?: number;
}

interface CallOptions {
  readonly signal?: AbortSignal;
}

type Fields<A extends Action> = Omit<RequestOf<A>, 'action'>;

/**
 * Invokes one bootstrap or test-database function. Every method throws a `BootstrapError` with the code that
 * the function answered, or one for what happened on the way; `signal.reason` when cancelled.
 */
export interface BootstrapClient extends AsyncDisposable {
  ping(options?: CallOptions): Promise<PingResult>;
  plan(fields?: Fields<'plan'>, options?: CallOptions): Promise<PlanResult>;
  apply(fields?: Fields<'apply'>, options?: CallOptions): Promise<ApplyResult>;
  status(fields?: Fields<'status'>, options?: CallOptions): Promise<StatusResult>;
  migrate(fields?: Fields<'migrate'>, options?: CallOptions): Promise<MigrateResult>;
  prepare(fields: Fields<'prepare'>, options?: CallOptions): Promise<PrepareResult>;
  publish(fields: Fields<'publish'>, options?: CallOptions): Promise<PublishResult>;
  drop(fields: Fields<'drop'>, options?: CallOptions): Promise<DropResult>;
  sweep(fields?: Fields<'sweep'>, options?: CallOptions): Promise<ResultOf['sweep']>;
  /** Any request of the contract. */
  invoke<A extends Action>(request: RequestOf<A>, options?: CallOptions): Promise<ResultOf[A]>;
  close(): Promise<void>;
}

export function createBootstrapClient(options: BootstrapClientOptions): BootstrapClient {
  const { functionName, requestTimeoutMs = 910_000, startTimeoutMs = 120_000 } = options;
  const lambda = new LambdaClient({
    ...(options.region === undefined ? {} : { region: options.region }),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    // The SDK would start a second run when an answer is late, and not wait for a function that is being updated.
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 10_000,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
    },
  });

  const invoke = async <A extends Action>(
    request: RequestOf<A>,
    { signal }: CallOptions = {},
  ): Promise<ResultOf[A]> => {
    signal?.throwIfAborted();
    const startedAt = performance.now();
    let attempts = 0;
    try {
      const result = await untilStarted(startTimeoutMs, signal, () => {
        attempts++;
        return invokeOnce(lambda, functionName, request, signal);
      });
      publish(request, startedAt, attempts);
      return result as ResultOf[A];
    } catch (error) {
      publish(request, startedAt, attempts, error);
      throw error;
    }
  };
  const publish = (request: Request, startedAt: number, attempts: number, error?: unknown): void => {
    if (!invocations.hasSubscribers) return;
    const durationMs = performance.now() - startedAt;
    const code = isBootstrapError(error) ? error.code : undefined;
    invocations.publish({
      functionName,
      action: request.action,
      durationMs,
      attempts,
      failed: error !== undefined,
      code,
    });
  };
  const close = (): Promise<void> => {
    lambda.destroy();
    return Promise.resolve();
  };
  return {
    ping: (call) => invoke<'ping'>({ action: 'ping' }, call),
    plan: (fields, call) => invoke<'plan'>({ action: 'plan', ...fields }, call),
    apply: (fields, call) => invoke<'apply'>({ action: 'apply', ...fields }, call),
    status: (fields, call) => invoke<'status'>({ action: 'status', ...fields }, call),
    migrate: (fields, call) => invoke<'migrate'>({ action: 'migrate', ...fields }, call),
    prepare: (fields, call) => invoke<'prepare'>({ action: 'prepare', ...fields }, call),
    publish: (fields, call) => invoke<'publish'>({ action: 'publish', ...fields }, call),
    drop: (fields, call) => invoke<'drop'>({ action: 'drop', ...fields }, call),
    sweep: (fields, call) => invoke<'sweep'>({ action: 'sweep', ...fields }, call),
    invoke,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function invokeOnce(
  lambda: LambdaClient,
  functionName: string,
  request: Request,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const answer = await lambda
    .send(
      new InvokeCommand({
        FunctionName: functionName,
        LogType: 'Tail',
        Payload: Buffer.from(JSON.stringify(request)),
      }),
      signal === undefined ? {} : { abortSignal: signal },
    )
    .catch((error: unknown) => {
      signal?.throwIfAborted();
      throw invokeFailure(error, functionName);
    });
  const payload = answer.Payload === undefined ? '' : Buffer.from(answer.Payload).toString('utf8');
  if (answer.FunctionError !== undefined) throw functionFailure(payload, functionName, answer.LogResult);
  return readAnswer(payload, functionName, answer.LogResult);
}

/** A function that did not start has done nothing: asking again is safe whatever the action. */
const notStarted = ['BOOTSTRAP_FUNCTION_NOT_READY', 'BOOTSTRAP_THROTTLED'];

async function untilStarted<T>(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  const giveUpAt = performance.now() + timeoutMs;
  for (let waitMs = 250; ; waitMs = Math.min(waitMs * 2, 5_000)) {
    try {
      return await attempt();
    } catch (error) {
      if (!isBootstrapError(error) || !notStarted.includes((error as BootstrapError).code)) throw error;
      // Half fixed, half random: machines that were refused together do not come back together.
      const pauseMs = waitMs / 2 + (Math.random() * waitMs) / 2;
      if (performance.now() + pauseMs > giveUpAt) throw error;
      await delay(pauseMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
      signal?.throwIfAborted();
    }
  }
}
