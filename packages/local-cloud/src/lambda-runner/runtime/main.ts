/**
 * The runtime client: runs inside the function's process, not in ours. It speaks the Lambda Runtime API to the
 * runner and imports nothing but Node, so that it starts fast and shares nothing with the simulator.
 */
import { flushCompileCache } from 'node:module';
import { Socket } from 'node:net';
import { runtimeApi } from './api.ts';
import { createContext } from './context.ts';
import { errorBody, RuntimeError } from './errors.ts';
import { callWithCallback } from './legacy-handler.ts';
import type { Handler } from './load-handler.ts';
import { loadHandler } from './load-handler.ts';
import { installNameLookup } from './name-lookup.ts';
import { patchConsole } from './patch-console.ts';

const required = [
  'AWS_LAMBDA_RUNTIME_API',
  '_HANDLER',
  'LAMBDA_TASK_ROOT',
  'AWS_LAMBDA_FUNCTION_NAME',
  'AWS_LAMBDA_FUNCTION_VERSION',
  'AWS_LAMBDA_FUNCTION_MEMORY_SIZE',
  'AWS_LAMBDA_LOG_GROUP_NAME',
  'AWS_LAMBDA_LOG_STREAM_NAME',
];

interface Settings {
  /** Names that the VPC's resolver would know. */
  readonly hosts: Readonly<Record<string, string>>;
  /** nodejs22.x and older: callbacks, and a result only when the event loop is empty. */
  readonly legacy: boolean;
}

function variable(name: string): string {
  return process.env[name] ?? '';
}

async function main(): Promise<void> {
  const settings = JSON.parse(process.argv[2] ?? '{}') as Settings;
  process.argv.length = 2;
  keepCompiledClient();
  endWithRunner();
  installNameLookup(settings.hosts);
  const missing = required.find((name) => !process.env[name]);
  if (missing !== undefined) throw new Error(`Missing environment variable: ${missing}`);

  const api = runtimeApi(variable('AWS_LAMBDA_RUNTIME_API'));
  const output = patchConsole(settings.legacy ? 'undefined' : '-');
  let handler: Handler;
  try {
    handler = await loadHandler(variable('LAMBDA_TASK_ROOT'), variable('_HANDLER'));
    if (!settings.legacy && handler.length >= 3) {
      throw new RuntimeError(
        'CallbackHandlerDeprecated',
        'Callback-based function handlers are not supported from nodejs24.x on: use an async function.',
      );
    }
  } catch (error) {
    const body = errorBody(error);
    output.report('Init Error', body);
    await api.postInitError(body);
    process.exit(settings.legacy ? 129 : 1);
  }
  if (settings.legacy) postUncaught(api.postError, output);

  for (;;) {
    const invocation = await api.next();
    output.requestId = invocation.requestId;
    const trace = invocation.traceId;
    if (trace === undefined) delete process.env['_X_AMZN_TRACE_ID'];
    else process.env['_X_AMZN_TRACE_ID'] = trace;

    let post: () => Promise<void>;
    try {
      const event = JSON.parse(invocation.body) as unknown;
      const context = createContext(invocation, settings.legacy);
      const value = settings.legacy
        ? await callWithCallback(handler, event, context)
        : await handler(event, context);
      const body = stringify(value, settings.legacy);
      post = () => api.postResponse(invocation.requestId, body);
    } catch (error) {
      const body = errorBody(error);
      output.report('Invoke Error', body);
      post = () => api.postError(invocation.requestId, body);
    }
    output.mark();
    await post();
    await new Promise(setImmediate);
  }
}

function stringify(value: unknown, legacy: boolean): string {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch {
    const message = 'Unable to stringify response body';
    throw legacy ? new Error(message) : new RuntimeError('JSONStringifyError', message);
  }
}

/** Run from source, Node's compile cache holds this client without its types; the function shall not see it. */
function keepCompiledClient(): void {
  if (process.env['NODE_COMPILE_CACHE'] === undefined) return;
  delete process.env['NODE_COMPILE_CACHE'];
  flushCompileCache();
}

/** File descriptor 3 is a pipe that the runner never writes to: its end is the runner's end. */
function endWithRunner(): void {
  const lifeline = new Socket({ fd: 3, readable: true, writable: false });
  lifeline.on('error', () => process.exit(1));
  lifeline.on('close', () => process.exit(1));
  lifeline.resume();
  lifeline.unref();
}

/** nodejs22.x posts what nobody caught before it dies; nodejs24.x leaves it to Node. */
function postUncaught(
  postError: (requestId: string, body: object) => Promise<void>,
  output: ReturnType<typeof patchConsole>,
): void {
  const die = (error: unknown, code: number, label: string): void => {
    const body = errorBody(error);
    output.report(label, body);
    void postError(output.requestId, body).finally(() => process.exit(code));
  };
  process.on('uncaughtException', (error) => die(error, 129, 'Uncaught Exception'));
  process.on('unhandledRejection', (reason) => {
    const message = reason instanceof Error ? `${reason.name}: ${reason.message}` : String(reason);
    die(new RuntimeError('UnhandledPromiseRejection', message), 128, 'Unhandled Promise Rejection');
  });
}

// Not awaited: a loop that runs empty while a handler waits ends the process with 0, as on Lambda.
void main();
