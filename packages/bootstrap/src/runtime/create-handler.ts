import type { ErrorResponse, Response } from '../contract/response.ts';
import type { Send } from './cloudformation.ts';
import { readLogSql } from './config.ts';
import { type Envelope, isCorrelationId, openEnvelope, wantsThrow } from './envelope.ts';
import { toErrorResponse } from './failure.ts';
import { createLog, errorForLog } from './log.ts';
import { type Call, type Ports, perform } from './perform.ts';
import { answerOrThrow, thrownFor } from './terraform.ts';

/** What Lambda hands over beside the event. */
export interface HandlerContext {
  readonly awsRequestId?: string;
  readonly functionName?: string;
  getRemainingTimeInMillis?(): number;
}

/** The outside world of the handler. */
export interface HandlerPorts extends Ports {
  /** Where answers to CloudFormation go. Default: `fetch`. */
  readonly send?: Send;
}

/** What a custom resource's event leaves in the log; its answer is elsewhere. */
interface CloudFormationAnswer {
  readonly status: 'SUCCESS' | 'FAILED';
}

/** Terraform deletes its resource; nothing else. */
interface NothingDone {
  readonly ok: true;
  readonly result: null;
}

export type Handler = (
  event: unknown,
  context?: HandlerContext,
) => Promise<Response | NothingDone | CloudFormationAnswer>;

/**
 * The handler. Callers of the contract get `{ ok, … }` and no exception; Terraform gets exceptions; CloudFormation is
 * answered at its own address.
 */
export function createHandler(ports: HandlerPorts): Handler {
  const logSql = readLogSql(ports.environment) ?? 'masked';
  let cold = true;
  return async (event, context = {}) => {
    const functionName = context.functionName ?? 'local';
    const base = {
      function_name: functionName,
      cold_start: cold,
      ...(context.awsRequestId === undefined ? {} : { function_request_id: context.awsRequestId }),
    };
    cold = false;
    const remainingMs = (): number => context.getRemainingTimeInMillis?.() ?? 900_000;
    const run = async (request: unknown, correlationId: string | undefined): Promise<Response> => {
      const call: Call = { base, functionName, remainingMs };
      return await perform(ports, request, correlationId === undefined ? call : { ...call, correlationId });
    };
    const refused = (thrown: unknown): ErrorResponse => {
      const error = toErrorResponse(thrown);
      createLog(ports.log, base).error('failed', { error: errorForLog(error, logSql) });
      return error;
    };

    let envelope: Envelope;
    try {
      envelope = openEnvelope(event);
    } catch (thrown) {
      const error = refused(thrown);
      if (wantsThrow(event)) throw thrownFor(error, logSql);
      return { ok: false, error };
    }
    if (envelope.caller === 'cloudformation') {
      const { handleCloudFormation } = await import('./cloudformation.ts');
      const { RequestId: id } = envelope.event;
      const correlationId = isCorrelationId(id) ? id : undefined;
      return await handleCloudFormation(envelope.event, {
        run: (request) => run(request, correlationId),
        remainingMs,
        send: ports.send ?? fetch,
        logSql,
      }).catch((thrown: unknown) => {
        throw thrownFor(refused(thrown), logSql);
      });
    }
    const { request, correlationId = context.awsRequestId } = envelope;
    if (envelope.caller === 'contract') return await run(request, correlationId);
    // Deleting the resource must not delete a database.
    if (envelope.lifecycle === 'delete') return { ok: true, result: null };
    return answerOrThrow(await run(request, correlationId), logSql);
  };
}
