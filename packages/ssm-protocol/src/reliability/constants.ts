// From the official client and agent (protocol section "Sending and retransmission").
export const INITIAL_SRTT_MS = 100;
export const INITIAL_RTO_MS = 200;
export const RTT_ALPHA: number = 1 / 8;
export const RTT_BETA: number = 1 / 4;
export const CLOCK_GRANULARITY_MS = 10;
export const MAX_RTO_MS = 1_000;

// Ours.

/**
 * Nothing is sent again earlier than this, whatever the round trip: the official peers look every 100 ms, and
 * a busy event loop alone can delay an acknowledgement by tens.
 */
export const MIN_RETRANSMISSION_MS = 100;

/**
 * Each further transmission of one message waits twice as long, up to this. An agent whose destination does
 * not read cannot acknowledge; sending everything again every second would only pile up behind it.
 */
export const MAX_BACKOFF_MS = 8_000;

/** While paused only the oldest message goes out, this often, in case the end of the pause was lost. */
export const PAUSE_PROBE_MS = 1_000;

/**
 * Unacknowledged data allowed in flight. The protocol has no window of its own and unbounded senders overrun
 * slow paths; section "Sizes, pacing, throughput" advises about 256 KB to start with.
 */
export const DEFAULT_MAX_UNACKED_BYTES: number = 256 * 1024;
export const DEFAULT_MAX_UNACKED_MESSAGES = 256;

/** Distance from the oldest unacknowledged to the newest message: what the official client could still reorder. */
export const MAX_SEQUENCE_SPAN = 10_000;

/** What a receiver holds while it waits for a missing message; the message count is the official client's. */
export const DEFAULT_MAX_BUFFERED_MESSAGES = 10_000;
export const DEFAULT_MAX_BUFFERED_BYTES: number = 16 * 1024 * 1024;
