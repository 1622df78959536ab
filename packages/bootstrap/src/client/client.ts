import { randomUUID } from 'node:crypto';
import { channel } from 'node:diagnostics_channel';
import { setTimeout as delay } from 'node:timers/promises';
import { InvokeCommand, LambdaClient, type LambdaClientConfig } from '@aws-sdk/client-lambda';
import type { ProgressEvent } from '../contract/progress.ts';
import type { Action, Request, RequestOf } from '../contract/request.ts';
import type { ResultOf } from '../contract/response.ts';
import { BootstrapError, isBootstrapError } from '../errors.ts';
import { type Continuation, continueUntilDone } from './continuation.ts';
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

export interface CallOptions {
  readonly signal?: AbortSignal;
  /**
   * Told of every statement, migration and NOTICE. Lambda gives nothing before a function has ended; so `apply`, `migrate` and
   * `down` are then asked for in invocations of 10 seconds (or `budgetMs` of the request), and what each of them did is
   * told when it answers. A single migration that takes longer is waited for in silence.
   */
  readonly onProgress?: (event: ProgressEvent) => void;
  /** Letters, digits, `_` and `-`, at most 64; in the function's log and in errors. Default: a new UUID for each call. */
  readonly correlationId?: string;
}

type Fields<A extends Action> = Omit<RequestOf<A>, 'action'>;

/**
 * Invokes one bootstrap or test-database function. Every method throws a `BootstrapError` with the code that
 * the function answered, or one for what happened on the way; `signal.reason` when cancelled.
 *
 * `apply`, `migrate` and `down` take as many invocations as they need: a function whose time is nearly up stops between two
 * migrations, and is invoked again until everything is done. The result is that of all invocations together. When one of
 * them fails, `details.earlier` of the error has what those before it did.
 *
 * A `down` without `from` asks `status` first, and begins at the newest migration. When it fails, `details.from` of the error
 * has its name: repeat it with that, or it begins anew with the one that is the newest by then.
 */
export interface BootstrapClient extends AsyncDisposable {
  ping(options?: CallOptions): Promise<ResultOf['ping']>;
  plan(fields?: Fields<'plan'>, options?: CallOptions): Promise<ResultOf['plan']>;
  apply(fields?: Fields<'apply'>, options?: CallOptions): Promise<ResultOf['apply']>;
  status(fields?: Fields<'status'>, options?: CallOptions): Promise<ResultOf['status']>;
  migrate(fields?: Fields<'migrate'>, options?: CallOptions): Promise<ResultOf['migrate']>;
  down(fields: Fields<'down'>, options?: CallOptions): Promise<ResultOf['down']>;
  fake(fields: Fields<'fake'>, options?: CallOptions): Promise<ResultOf['fake']>;
  prune(fields?: Fields<'prune'>, options?: CallOptions): Promise<ResultOf['prune']>;
  prepare(fields: Fields<'prepare'>, options?: CallOptions): Promise<ResultOf['prepare']>;
  publish(fields: Fields<'publish'>, options?: CallOptions): Promise<ResultOf['publish']>;
  branch(fields: Fields<'branch'>, options?: CallOptions): Promise<ResultOf['branch']>;
  drop(fields: Fields<'drop'>, options?: CallOptions): Promise<ResultOf['drop']>;
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

  const once = async (request: Request, call: Continuation): Promise<unknown> => {
    const { signal, correlationId } = call;
    signal?.throwIfAborted();
    const startedAt = performance.now();
    let attempts = 0;
    const told = (error?: unknown): void => {
      if (!invocations.hasSubscribers) return;
      const durationMs = performance.now() - startedAt;
      const code = isBootstrapError(error) ? error.code : undefined;
      const { action } = request;
      const failed = error !== undefined;
      invocations.publish({ functionName, action, correlationId, durationMs, attempts, failed, code });
    };
    try {
      const result = await untilStarted(startTimeoutMs, signal, () => {
        attempts++;
        return invokeOnce(lambda, functionName, { ...request, correlationId }, signal);
      });
      told();
      return result;
    } catch (error) {
      told(error);
      throw isBootstrapError(error) && !notSent.includes(error.code)
        ? correlated(error, correlationId)
        : error;
    }
  };
  const invoke = async <A extends Action>(
    request: RequestOf<A>,
    { correlationId = randomUUID(), ...options }: CallOptions = {},
  ): Promise<ResultOf[A]> =>
    (await continueUntilDone(request as Request, { ...options, correlationId }, once)) as ResultOf[A];
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
    down: (fields, call) => invoke<'down'>({ action: 'down', ...fields }, call),
    fake: (fields, call) => invoke<'fake'>({ action: 'fake', ...fields }, call),
    prune: (fields, call) => invoke<'prune'>({ action: 'prune', ...fields }, call),
    prepare: (fields, call) => invoke<'prepare'>({ action: 'prepare', ...fields }, call),
    publish: (fields, call) => invoke<'publish'>({ action: 'publish', ...fields }, call),
    branch: (fields, call) => invoke<'branch'>({ action: 'branch', ...fields }, call),
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
  event: object,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const answer = await lambda
    .send(
      new InvokeCommand({
        FunctionName: functionName,
        LogType: 'Tail',
        Payload: Buffer.from(JSON.stringify(event)),
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

/** No function has seen the id. */
const notSent = ['BOOTSTRAP_REGION_MISSING', 'BOOTSTRAP_CREDENTIALS_UNAVAILABLE'];

/** The same error with the id by which the function's log can be searched. */
function correlated(error: BootstrapError, correlationId: string): BootstrapError {
  const { code, kind, message, hint, cause } = error;
  return new BootstrapError(code, message, {
    kind,
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
    details: { ...error.details, correlationId },
  });
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
