import type { ProgressEvent } from '../contract/progress.ts';
import { type Action, cautiousActions, parseRequest, type Request } from '../contract/request.ts';
import type { Response } from '../contract/response.ts';
import { BootstrapError } from '../errors.ts';
import { shortened } from './answer-size.ts';
import type { Artefact } from './artefact.ts';
import { type Config, readConfig, readLogSql } from './config.ts';
import type { ConnectMaster } from './connection.ts';
import { toErrorResponse } from './failure.ts';
import { createStop } from './invocation.ts';
import { createLog, errorForLog, type LogLine } from './log.ts';
import { metricsLine } from './metrics.ts';
import { ProgressLog } from './progress-log.ts';

/** The outside world of a run. */
export interface Ports {
  readonly environment: Readonly<Record<string, string | undefined>>;
  openArtefact(): Promise<Artefact>;
  /** `call` says how long there is to connect. */
  connector(config: Config, artefact: Artefact, call: { remainingMs(): number }): Promise<ConnectMaster>;
  log(line: LogLine): void;
  /** Milliseconds of a clock that does not jump. */
  now(): number;
}

/** One run: who asks, and how long there is. */
export interface Call {
  /** Fields of every log line. */
  readonly base: LogLine;
  readonly functionName: string;
  readonly correlationId?: string;
  /** Infinite where nobody ends the process. */
  remainingMs(): number;
  /** Asked between migrations, beside the clock. */
  stop?(): boolean;
  onProgress?(event: ProgressEvent): void;
}

/**
 * Contract, then configuration, then permission, and only then the secret and the database. Nothing is thrown: a failure is
 * `{ ok: false, error }`.
 */
export async function perform(ports: Ports, event: unknown, call: Call): Promise<Response> {
  const startedAt = ports.now();
  const { correlationId } = call;
  const base = { ...call.base, ...(correlationId === undefined ? {} : { correlation_id: correlationId }) };
  let log = createLog(ports.log, base);
  let logSql = readLogSql(ports.environment) ?? 'masked';
  let action: Action | undefined;
  let progressLog: ProgressLog | undefined;
  let statements = 0;
  let migrations = 0;
  const finish = (failed: boolean): void => {
    const durationMs = ports.now() - startedAt;
    const counted = { durationMs, statements, migrations, failed };
    ports.log(metricsLine(call.functionName, action ?? 'none', counted, base));
  };
  try {
    const config = readConfig(ports.environment);
    logSql = config.logSql;
    const request = validated(event);
    action = request.action;
    log = createLog(ports.log, { ...base, action });
    if (!config.allowedActions.includes(action)) throw forbidden(action, config);
    const [artefact, { actions }] = await Promise.all([ports.openArtefact(), import('./actions.ts')]);
    const connect = await ports.connector(config, artefact, call);
    const clockStops = createStop({
      remainingMs: () => call.remainingMs(),
      elapsedMs: () => ports.now() - startedAt,
      budgetMs: 'budgetMs' in request ? request.budgetMs : undefined,
      progressed: () => statements + migrations > 0,
    });
    const told = new ProgressLog(log, logSql);
    progressLog = told;
    const progress = (event: ProgressEvent): void => {
      if (event.event === 'statement') statements++;
      else if (event.event === 'migration' && event.state !== 'started') migrations++;
      call.onProgress?.(event);
      told.tell(event);
    };
    const stop = (): boolean => (call.stop?.() ?? false) || clockStops();
    const invocation = { config, artefact, connect, remainingMs: call.remainingMs, stop, progress };
    const result = await actions[action](request as never, invocation);
    told.flush();
    log.info('done', { durationMs: Math.round(ports.now() - startedAt), ...complete(result) });
    finish(false);
    return { ok: true, result: shortened(result) };
  } catch (thrown) {
    const error = toErrorResponse(thrown, correlationId);
    progressLog?.flush();
    log.error('failed', {
      durationMs: Math.round(ports.now() - startedAt),
      error: errorForLog(error, logSql),
      ...(error.kind === 'internal' ? { stack: framesOf(thrown) } : {}),
    });
    finish(true);
    return { ok: false, error };
  }
}

function complete(result: object): LogLine {
  return 'done' in result ? { complete: result.done } : {};
}

/** Where it happened; the message is told beside it, masked. */
function framesOf(thrown: unknown): string | undefined {
  const frames = (thrown as Error)?.stack?.split('\n').filter((line) => /^\s+at /.test(line));
  return frames?.slice(0, 12).join('\n');
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
  const allowed = config.allowedActions.join(', ');
  return new BootstrapError('BOOTSTRAP_ACTION_FORBIDDEN', `this function does not do "${action}"`, {
    hint: cautiousActions.includes(action)
      ? `It takes something away or passes over migrations: name it in POSTERN_ALLOWED_ACTIONS (now ${allowed}) where it is meant to be done; in a shell for this once: POSTERN_ALLOWED_ACTIONS=${action}.`
      : `POSTERN_ALLOWED_ACTIONS of this function: ${allowed}. Invoke the other function.`,
    details: { allowed: config.allowedActions },
  });
}
