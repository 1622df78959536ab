import { invalidField } from '../errors.ts';
import { Offset } from '../message/constants.ts';
import {
  encodeJson,
  member,
  optionalList,
  optionalText,
  parseJsonObject,
  requireObject,
  requireText,
} from '../message/json-body.ts';

/** The agent ends the session on any status but `success`. */
export const ActionStatus = { success: 1, failed: 2, unsupported: 3 } as const;

export interface ProcessedAction {
  actionType: string;
  /** One of `ActionStatus`. */
  status: number;
  /** Null for session types. */
  result?: unknown;
  /** Empty on success. */
  error: string;
}

/** The client's answer. A session may carry one, ever: a second one blocks the agent's reader for good. */
export interface HandshakeResponse {
  clientVersion: string;
  actions: readonly ProcessedAction[];
  errors?: readonly string[] | null;
}

export function encodeHandshakeResponse(response: HandshakeResponse): Buffer {
  return Buffer.from(
    encodeJson({
      ClientVersion: response.clientVersion,
      ProcessedClientActions: response.actions.map((action) => ({
        ActionType: action.actionType,
        ActionStatus: action.status,
        ActionResult: action.result ?? null,
        Error: action.error,
      })),
      Errors: response.errors ?? null,
    }),
  );
}

export function parseHandshakeResponse(payload: Uint8Array): HandshakeResponse {
  const body = parseJsonObject('HandshakeResponse', payload);
  const errors = optionalList('HandshakeResponse.Errors', member(body, 'Errors'));
  return {
    clientVersion: requireText('HandshakeResponse.ClientVersion', member(body, 'ClientVersion')),
    actions: optionalList(
      'HandshakeResponse.ProcessedClientActions',
      member(body, 'ProcessedClientActions'),
    ).map(parseAction),
    errors: errors.length === 0 ? null : errors.map((text) => requireText('HandshakeResponse.Errors', text)),
  };
}

function parseAction(value: unknown): ProcessedAction {
  const action = requireObject('ProcessedClientAction', value);
  const status = member(action, 'ActionStatus');
  if (typeof status !== 'number' || !Number.isFinite(status)) {
    throw invalidField('ProcessedClientAction.ActionStatus', Offset.payload, 'is not a number');
  }
  return {
    actionType: requireText('ProcessedClientAction.ActionType', member(action, 'ActionType')),
    status: status + 0,
    result: member(action, 'ActionResult') ?? null,
    error: optionalText('ProcessedClientAction.Error', member(action, 'Error')),
  };
}
