/** Message types that travel on a data channel (protocol section "Message types on the data channel"). */
export const MessageType = {
  inputStreamData: 'input_stream_data',
  outputStreamData: 'output_stream_data',
  acknowledge: 'acknowledge',
  channelClosed: 'channel_closed',
  startPublication: 'start_publication',
  pausePublication: 'pause_publication',
  agentSessionState: 'agent_session_state',
} as const;

/** What a stream message carries (protocol section "PayloadType values"). */
export const PayloadType = {
  none: 0,
  output: 1,
  error: 2,
  size: 3,
  parameter: 4,
  handshakeRequest: 5,
  handshakeResponse: 6,
  handshakeComplete: 7,
  encChallengeRequest: 8,
  encChallengeResponse: 9,
  flag: 10,
  stdErr: 11,
  exitCode: 12,
} as const;

/**
 * The Flags field as real peers set it (protocol section "Flags actually used"): `first` on the agent's
 * message 0, `control` (both bits) on acknowledgements and session states, `none` on everything else.
 */
export const MessageFlags = { none: 0, first: 1, control: 3 } as const;

/** Bytes in front of the payload. */
export const MESSAGE_HEADER_BYTES: number = 120;

/** What the HeaderLength field always says: the offset of the PayloadLength field. */
export const HEADER_LENGTH: number = 116;

/** Byte offsets of the envelope's fields (protocol section "Binary envelope"). */
export const Offset = {
  headerLength: 0,
  messageType: 4,
  schemaVersion: 36,
  createdDate: 40,
  sequenceNumber: 48,
  flags: 56,
  messageId: 64,
  payloadDigest: 80,
  payloadType: 112,
  payloadLength: 116,
  payload: 120,
} as const;
