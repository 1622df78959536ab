// The wire: messages of a data channel.
export { isProtocolError, ProtocolError, type ProtocolErrorCode } from './errors.ts';
// The handshake.
export {
  encodeHandshakeComplete,
  type HandshakeComplete,
  parseHandshakeComplete,
} from './handshake/handshake-complete.ts';
export {
  encodeHandshakeRequest,
  type HandshakeRequest,
  type KmsEncryptionAction,
  parseHandshakeRequest,
  type RequestedAction,
  type SessionTypeAction,
  sessionProperty,
  type UnknownAction,
} from './handshake/handshake-request.ts';
export {
  ActionStatus,
  encodeHandshakeResponse,
  type HandshakeResponse,
  type ProcessedAction,
  parseHandshakeResponse,
} from './handshake/handshake-response.ts';
export {
  type AgentCapabilities,
  agentCapabilities,
  type ClientCapabilities,
  clientCapabilities,
  compareVersions,
} from './handshake/versions.ts';
export {
  type Acknowledgement,
  decodeAcknowledge,
  encodeAcknowledge,
} from './message/acknowledge.ts';
export {
  type AgentSessionState,
  encodeAgentSessionState,
  parseAgentSessionState,
} from './message/agent-session-state.ts';
export { type ChannelClosed, encodeChannelClosed, parseChannelClosed } from './message/channel-closed.ts';
export {
  type ClientMessage,
  type DecodeOptions,
  decodeClientMessage,
  encodeClientMessage,
} from './message/client-message.ts';
export { MESSAGE_HEADER_BYTES, MessageFlags, MessageType, PayloadType } from './message/constants.ts';
export {
  encodeOpenDataChannel,
  type OpenDataChannel,
  parseOpenDataChannel,
} from './message/open-data-channel.ts';
export { encodeSessionFlag, parseSessionFlag, SessionFlag } from './message/session-flag.ts';

// Numbers, acknowledgements, retransmission.
export {
  type Reception,
  ReliableReceiver,
  type ReliableReceiverOptions,
} from './reliability/reliable-receiver.ts';
export {
  ReliableSender,
  type ReliableSenderOptions,
  type SenderStatistics,
} from './reliability/reliable-sender.ts';

// Streams inside the channel.
export { SMUX_HEADER_BYTES, SMUX_MAX_DATA_BYTES, SmuxCommand } from './smux/constants.ts';
export { SmuxDecoder } from './smux/decoder.ts';
export { encodeSmuxFrame, type SmuxFrame } from './smux/frame.ts';
export { type MuxEvent, MuxSession, type MuxSessionOptions } from './smux/mux-session.ts';
