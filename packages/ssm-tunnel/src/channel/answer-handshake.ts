import {
  ActionStatus,
  type AgentCapabilities,
  agentCapabilities,
  type HandshakeRequest,
  type HandshakeResponse,
  type ProcessedAction,
  type RequestedAction,
  sessionProperty,
} from '@postern/ssm-protocol';
import { TunnelError } from '../errors.ts';
import { CLIENT_VERSION } from './constants.ts';

export interface HandshakeAnswer {
  /** To be sent in any case: it tells the agent to end the session when we refuse. */
  readonly response: HandshakeResponse;
  readonly agentVersion: string;
  readonly capabilities: AgentCapabilities;
  /** Why this session is of no use to us. */
  readonly refusal?: TunnelError;
}

/** Decides on each action the agent asks for (protocol sections "Handshake" and "KMS encryption"). */
export function answerHandshake(request: HandshakeRequest): HandshakeAnswer {
  const { agentVersion } = request;
  const capabilities = agentCapabilities(agentVersion);
  const problems: string[] = [];
  const actions = request.actions.map((action) => {
    const processed = processAction(action, agentVersion, capabilities);
    if (processed.status !== ActionStatus.success) problems.push(processed.error);
    return processed;
  });
  if (!request.actions.some((action) => action.actionType === 'SessionType')) {
    problems.push('The agent did not say which type the session has.');
  }
  const response = { clientVersion: CLIENT_VERSION, actions };
  if (problems.length === 0) return { response, agentVersion, capabilities };
  const refusal = new TunnelError(
    'SSM_HANDSHAKE_REFUSED',
    `The session cannot be used. ${problems.join(' ')}`,
    {
      hint: 'Use a port forwarding document, an agent newer than 3.0.196.0, and no KMS key for port sessions.',
    },
  );
  return { response, agentVersion, capabilities, refusal };
}

function processAction(
  action: RequestedAction,
  agentVersion: string,
  capabilities: AgentCapabilities,
): ProcessedAction {
  const { actionType } = action;
  switch (actionType) {
    case 'KMSEncryption':
      return failed(actionType, 'Encryption with KMS is not available for port sessions.');
    case 'SessionType':
      if (action.sessionType !== 'Port') {
        return failed(actionType, `The session has type ${action.sessionType}, not Port.`);
      }
      if (sessionProperty(action.properties, 'type') !== 'LocalPortForwarding') {
        return failed(actionType, 'The session document has not the type LocalPortForwarding.');
      }
      if (!capabilities.mux) {
        return failed(actionType, `Agent ${agentVersion} cannot carry several connections in one session.`);
      }
      return { actionType, status: ActionStatus.success, error: '' };
    case 'Unknown':
      return {
        actionType: action.name,
        status: ActionStatus.unsupported,
        error: `The agent asks for ${action.name}, which this client does not know.`,
      };
  }
}

function failed(actionType: string, error: string): ProcessedAction {
  return { actionType, status: ActionStatus.failed, error };
}
