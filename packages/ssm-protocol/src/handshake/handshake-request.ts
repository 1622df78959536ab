import { invalidField } from '../errors.ts';
import { Offset } from '../message/constants.ts';
import {
  encodeJson,
  type JsonObject,
  member,
  optionalList,
  optionalText,
  parseJsonObject,
  requireObject,
  requireText,
} from '../message/json-body.ts';

/** What the agent asks of the client before data may flow. */
export interface HandshakeRequest {
  agentVersion: string;
  actions: readonly RequestedAction[];
}

export type RequestedAction = SessionTypeAction | KmsEncryptionAction | UnknownAction;

export interface SessionTypeAction {
  actionType: 'SessionType';
  /** `Port` for port forwarding. */
  sessionType: string;
  /** Properties of the session document, after the agent filled in its parameters. */
  properties: JsonObject | null;
}

export interface KmsEncryptionAction {
  actionType: 'KMSEncryption';
  kmsKeyId: string;
  /** Present from agents of August 2024 on. */
  challenge?: string;
}

/** An action this package does not know; it is to be answered with status 3 (unsupported). */
export interface UnknownAction {
  actionType: 'Unknown';
  name: string;
  parameters: unknown;
}

/** A real agent asks for two actions at most. */
const MAX_ACTIONS = 16;

export function parseHandshakeRequest(payload: Uint8Array): HandshakeRequest {
  const body = parseJsonObject('HandshakeRequest', payload);
  const actions = optionalList(
    'HandshakeRequest.RequestedClientActions',
    member(body, 'RequestedClientActions'),
  );
  if (actions.length > MAX_ACTIONS) {
    throw invalidField(
      'HandshakeRequest.RequestedClientActions',
      Offset.payload,
      `has ${actions.length} actions, more than ${MAX_ACTIONS}`,
    );
  }
  return {
    agentVersion: requireText('HandshakeRequest.AgentVersion', member(body, 'AgentVersion')),
    actions: actions.map(parseAction),
  };
}

function parseAction(value: unknown): RequestedAction {
  const action = requireObject('RequestedClientAction', value);
  const name = requireText('RequestedClientAction.ActionType', member(action, 'ActionType'));
  const parameters = member(action, 'ActionParameters');
  if (name === 'SessionType') {
    const fields = requireObject('SessionType.ActionParameters', parameters);
    const properties = member(fields, 'Properties') ?? null;
    return {
      actionType: 'SessionType',
      sessionType: requireText('SessionType.SessionType', member(fields, 'SessionType')),
      properties: properties === null ? null : requireObject('SessionType.Properties', properties),
    };
  }
  if (name === 'KMSEncryption') {
    const fields = requireObject('KMSEncryption.ActionParameters', parameters);
    const challenge = optionalText('KMSEncryption.Challenge', member(fields, 'Challenge'));
    return {
      actionType: 'KMSEncryption',
      kmsKeyId: requireText('KMSEncryption.KMSKeyId', member(fields, 'KMSKeyId')),
      ...(challenge === '' ? {} : { challenge }),
    };
  }
  return { actionType: 'Unknown', name, parameters };
}

export function encodeHandshakeRequest(request: HandshakeRequest): Buffer {
  return Buffer.from(
    encodeJson({
      AgentVersion: request.agentVersion,
      RequestedClientActions: request.actions.map(actionJson),
    }),
  );
}

function actionJson(action: RequestedAction): JsonObject {
  switch (action.actionType) {
    case 'SessionType':
      return {
        ActionType: 'SessionType',
        ActionParameters: { SessionType: action.sessionType, Properties: action.properties },
      };
    case 'KMSEncryption':
      return {
        ActionType: 'KMSEncryption',
        ActionParameters: { KMSKeyId: action.kmsKeyId, Challenge: action.challenge },
      };
    case 'Unknown':
      return { ActionType: action.name, ActionParameters: action.parameters };
  }
}

/** One property as text, with the key matched as Go does: case does not count. Undefined when it is absent. */
export function sessionProperty(properties: JsonObject | null, name: string): string | undefined {
  const value = properties === null ? undefined : member(properties, name);
  return typeof value === 'string' ? value : undefined;
}
