import {
  ActionStatus,
  agentCapabilities,
  type HandshakeRequest,
  type HandshakeResponse,
  type ProcessedAction,
  type RequestedAction,
  sessionProperty,
} from '@postern/ssm-protocol';
import { TunnelError } from '../errors.ts';
import type { SessionMode } from '../streams/carrier.ts';
import type { AgentFacts } from './channel-user.ts';
import { CLIENT_VERSION } from './constants.ts';

export interface HandshakeAnswer {
  /** To be sent in any case: it tells the agent to end the session when we refuse. */
  readonly response: HandshakeResponse;
  readonly agent: AgentFacts;
  /** Why this session is of no use to us. */
  readonly refusal?: TunnelError;
}

/** Decides on each action the agent asks for (protocol sections "Handshake" and "KMS encryption"). */
export function answerHandshake(request: HandshakeRequest): HandshakeAnswer {
  const version = request.agentVersion;
  const capabilities = agentCapabilities(version);
  const problems: string[] = [];
  const actions = request.actions.map((action) => {
    const processed = processAction(action);
    if (processed.status !== ActionStatus.success) problems.push(processed.error);
    return processed;
  });
  const session = request.actions.find((action) => action.actionType === 'SessionType');
  if (session === undefined) problems.push('The agent did not say which type the session has.');
  const type = session === undefined ? undefined : sessionProperty(session.properties, 'type');
  const agent: AgentFacts = { version, capabilities, mode: sessionMode(type, capabilities.mux) };
  const response = { clientVersion: CLIENT_VERSION, actions };
  if (problems.length === 0) return { response, agent };
  const refusal = new TunnelError(
    'SSM_HANDSHAKE_REFUSED',
    `The session cannot be used. ${problems.join(' ')}`,
    { hint: 'Use a session document of type Port, and no KMS key for port sessions.' },
  );
  return { response, agent, refusal };
}

/** The agent decides the same by our version and the same property (protocol section "Session types"). */
function sessionMode(type: string | undefined, mux: boolean): SessionMode {
  if (type !== 'LocalPortForwarding') return 'standard';
  return mux ? 'mux' : 'basic';
}

function processAction(action: RequestedAction): ProcessedAction {
  const { actionType } = action;
  switch (actionType) {
    case 'KMSEncryption':
      return failed(actionType, 'Encryption with KMS is not available for port sessions.');
    case 'SessionType':
      if (action.sessionType === 'Port') return { actionType, status: ActionStatus.success, error: '' };
      return failed(actionType, `The session has type ${action.sessionType}, not Port.`);
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
