// From the protocol.

/**
 * The version announced to agent and service: four numeric parts, because only such versions compare as
 * meant. Above 1.2.331.0, so that agents leave their smux keep-alive off (they would otherwise end a silent
 * session after 30 to 60 seconds), and above 1.2.688.0, from which on clients sign the upgrade, as we do.
 */
export const CLIENT_VERSION = '1.2.707.0';

/** Agents that need smux keep-alive get a NOP this often. */
export const SMUX_KEEP_ALIVE_MS = 10_000;

/** What official clients put into one upload message. The service's own limit is not known. */
export const UPLOAD_PAYLOAD_BYTES = 1_024;

// Ours.

/**
 * Largest WebSocket message accepted. Agents send little more than 1 KiB; the official client takes any size, and
 * beyond this one stream's buffer would not take it either.
 */
export const MAX_MESSAGE_BYTES: number = 16 * 1024 * 1024;

/** Messages that may be damaged (malformed, wrong digest) and are passed over, before the session is given up. */
export const MAX_DAMAGED_MESSAGES = 16;

/** Bytes that may wait in our own socket. The upload window stays far below; more means nobody reads. */
export const MAX_SOCKET_BUFFER_BYTES: number = 8 * 1024 * 1024;

/** Above this many bytes in our own socket nothing is sent again: the first copy has not even left. */
export const RETRANSMIT_BELOW_BYTES: number = 256 * 1024;

/** The retransmission timer never fires more often than this. */
export const MIN_TIMER_MS = 10;

/** Streams open at a time in one session. */
export const MAX_STREAMS = 10_000;

/** Streams that the peer may open at us, each refused, before the session is given up. */
export const MAX_UNEXPECTED_STREAMS = 64;

/** A message unacknowledged for so long means that the agent is gone; the official client waits as long. */
export const ACK_TIMEOUT_MS = 300_000;

/** What all streams together may hold for slow readers; then the one that holds most is reset. */
export const TOTAL_RECEIVE_BUFFER_BYTES: number = 64 * 1024 * 1024;

/** How long `close` waits for written data to be acknowledged and ended streams to finish. */
export const DRAIN_TIMEOUT_MS = 2_000;

/** How long `close` waits for the agent to act on the TerminateSession flag before it asks the API. */
export const TERMINATE_TIMEOUT_MS = 2_000;

/** How long `close` waits for `channel_closed` once the agent acknowledged the flag. */
export const CHANNEL_CLOSED_GRACE_MS = 500;

/** How long a WebSocket may take to close. */
export const SOCKET_CLOSE_TIMEOUT_MS = 1_000;

/** How long ending the session through the API may take when the tunnel is over already. */
export const API_TERMINATE_TIMEOUT_MS = 5_000;
