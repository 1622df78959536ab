// From the official agent (protocol sections "Sending and retransmission" and "Sizes, pacing, throughput").

/** What the agent reads from its pipe at a time, and so the largest payload that it sends. */
export const CHUNK_BYTES = 1024;
/** It sleeps this long after each. */
export const CHUNK_PAUSE_MS = 1;
export const OUTGOING_MESSAGES = 100_000;
/** The same when payloads are larger than an agent's. */
export const OUTGOING_BYTES: number = 128 * 1024 * 1024;
export const INCOMING_MESSAGES = 100_000;
/** Not the agent's: what one that repeats every late message has on its way at most. */
export const WINDOW_MESSAGES = 4_096;
export const WINDOW_BYTES: number = 4 * 1024 * 1024;
export const RESEND_INTERVAL_MS = 100;
export const INITIAL_SRTT_MS = 100;
export const INITIAL_RTO_MS = 200;
export const MAX_RTO_MS = 1_000;
export const CLOCK_GRANULARITY_MS = 10;
/** How long a finished session waits for its last messages to be acknowledged, and how often it looks. */
export const DRAIN_MS = 2_000;
export const DRAIN_POLL_MS = 10;
export const HANDSHAKE_TIMEOUT_MS = 15_000;

// From the smux library's defaults (protocol section "smux v1").
export const MUX_RECEIVE_BYTES: number = 4 * 1024 * 1024;
export const MUX_FRAME_BYTES = 32_768;
/** Streams that wait to be dialled. */
export const ACCEPT_BACKLOG = 1024;
export const KEEP_ALIVE_INTERVAL_MS = 10_000;
export const KEEP_ALIVE_TIMEOUT_MS = 30_000;

// About what a local Unix socket holds: the agent's pipe between mux and data channel.
export const PIPE_BYTES: number = 256 * 1024;

/** Messages taken from the gateway but not yet worked on, above which the service tells the client to pause. */
export const INBOX_BYTES: number = 1024 * 1024;
/** The same for reading the client at all: a client need not listen. */
export const INBOX_LIMIT_BYTES: number = 8 * 1024 * 1024;
