import type { Response } from '../contract/response.ts';
import type { LogLine } from './log.ts';
import { type Call, type Ports, perform } from './perform.ts';

/** What Lambda hands over beside the event. */
export interface HandlerContext {
  readonly awsRequestId?: string;
  readonly functionName?: string;
  getRemainingTimeInMillis?(): number;
}

export type HandlerPorts = Ports;

export function createHandler(
  ports: HandlerPorts,
): (event: unknown, context?: HandlerContext) => Promise<Response> {
  let cold = true;
  return async (event, context = {}) => {
    const functionName = context.functionName ?? 'local';
    const base: LogLine = {
      function_name: functionName,
      cold_start: cold,
      ...(context.awsRequestId === undefined ? {} : { function_request_id: context.awsRequestId }),
    };
    cold = false;
    const call: Call = {
      base,
      functionName,
      remainingMs: () => context.getRemainingTimeInMillis?.() ?? 900_000,
    };
    return await perform(ports, event, call);
  };
}
