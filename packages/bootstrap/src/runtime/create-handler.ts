import { isTestDatabaseError } from '@postern/test-databases/server';
import { type Action, parseRequest, type Request } from '../contract/request.ts';
import type { ErrorResponse, Response, ResultOf } from '../contract/response.ts';
import { BootstrapError, isBootstrapError } from '../errors.ts';
import type { Artefact } from './artefact.ts';
import { apply, migrate, ping, planAction, status } from './bootstrap-actions.ts';
import { type Config, readConfig } from './config.ts';
import type { ConnectMaster } from './connection.ts';
import type { Invocation } from './invocation.ts';
import { drop, prepare, publish, sweep } from './test-database-actions.ts';

/** What Lambda hands over beside the event. */
export interface HandlerContext {
  readonly awsRequestId?: string;
  getRemainingTimeInMillis?(): number;
}

/** The outside world of the handler. */
export interface HandlerPorts {
  readonly environment: Readonly<Record<string, string | undefined>>;
  openArtefact(): Promise<Artefact>;
  connector(config: Config, artefact: Artefact): Promise<ConnectMaster>;
  log(event: Readonly<Record<string, unknown>>): void;
  now(): number;
}

type Actions = { readonly [A in Action]: (request: never, invocation: Invocation) => Promise<ResultOf[A]> };

const actions: Actions = {
  ping: (_request: never, invocation) => ping(invocation),
  plan: planAction,
  apply,
  status,
  migrate,
  prepare,
  publish,
  drop,
  sweep,
};

/**
 * The handler: configuration, then contract, then permission, and only then the secret and the database.
 * Expected failures are returned as `{ ok: false, error }`; nothing is thrown.
 */
export function createHandler(
  ports: HandlerPorts,
): (event: unknown, context?: HandlerContext) => Promise<Response> {
  return async (event, context = {}) => {
    const startedAt = ports.now();
    const base = context.awsRequestId === undefined ? {} : { requestId: context.awsRequestId };
    let action: Action | undefined;
    try {
      const config = readConfig(ports.environment);
      const request = validated(event);
      action = request.action;
      if (!config.allowedActions.includes(action)) throw forbidden(action, config);
      const artefact = await ports.openArtefact();
      const connect = await ports.connector(config, artefact);
      const invocation: Invocation = {
        config,
        artefact,
        connect,
        remainingMs: () => context.getRemainingTimeInMillis?.() ?? 900_000,
        log: (line) => ports.log({ level: 'info', ...base, action, ...line }),
      };
      const result = await actions[action](request as never, invocation);
      ports.log({
        level: 'info',
        ...base,
        action,
        event: 'done',
        durationMs: Math.round(ports.now() - startedAt),
      });
      return { ok: true, result };
    } catch (thrown) {
      const error = toErrorResponse(thrown);
      ports.log({
        level: 'error',
        ...base,
        ...(action === undefined ? {} : { action }),
        event: 'failed',
        durationMs: Math.round(ports.now() - startedAt),
        error,
        ...(error.kind === 'internal' ? { stack: (thrown as Error)?.stack } : {}),
      });
      return { ok: false, error };
    }
  };
}

function validated(event: unknown): Request {
  const { request, problems } = parseRequest(event);
  if (request) return request;
  throw new BootstrapError('BOOTSTRAP_REQUEST_INVALID', problems.join('\n'), {
    hint: 'Requests carry an action, declared names, hashes and counts; see the contract of @postern/bootstrap.',
    details: { problems },
  });
}

function forbidden(action: Action, config: Config): BootstrapError {
  return new BootstrapError('BOOTSTRAP_ACTION_FORBIDDEN', `this function does not do "${action}"`, {
    hint: `POSTERN_ALLOWED_ACTIONS of this function: ${config.allowedActions.join(', ')}. Invoke the other function.`,
    details: { allowed: config.allowedActions },
  });
}

function toErrorResponse(thrown: unknown): ErrorResponse {
  if (isBootstrapError(thrown)) {
    const { code, kind, message, hint, details } = thrown;
    return {
      code,
      kind,
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(Object.keys(details).length > 0 ? { details } : {}),
    };
  }
  if (isTestDatabaseError(thrown)) {
    const { code, kind, message, hint } = thrown;
    return { code, kind, message, ...(hint === undefined ? {} : { hint }) };
  }
  const { code, message } = (thrown ?? {}) as { code?: string; message?: string };
  return {
    code: 'BOOTSTRAP_INTERNAL',
    kind: 'internal',
    message: `unexpected: ${message ?? String(thrown)}`,
    hint: "Look at the function's log for the stack, and report it.",
    ...(code === undefined ? {} : { details: { code } }),
  };
}
