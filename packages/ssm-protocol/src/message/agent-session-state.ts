import { encodeJson, member, parseJsonObject, requireText } from './json-body.ts';

/** What an agent tells the service when its side of the channel is open. Clients ignore it. */
export interface AgentSessionState {
  sessionState: string;
  sessionId: string;
}

export function encodeAgentSessionState(state: AgentSessionState): Buffer {
  return Buffer.from(
    encodeJson({ SchemaVersion: 1, SessionState: state.sessionState, SessionId: state.sessionId }),
  );
}

export function parseAgentSessionState(payload: Uint8Array): AgentSessionState {
  const body = parseJsonObject('agent_session_state', payload);
  return {
    sessionState: requireText('agent_session_state.SessionState', member(body, 'SessionState')),
    sessionId: requireText('agent_session_state.SessionId', member(body, 'SessionId')),
  };
}
