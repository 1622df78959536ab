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

/** The oldest message is the one that finds out that the peer is back, so it does not wait that long. */
export const MAX_OLDEST_BACKOFF_MS = 2_000;

/** While paused only the oldest message goes out, this often, in case the end of the pause was lost. */
export const PAUSE_PROBE_MS = 1_000;

/**
 * The window a path starts with. The protocol has none of its own and unbounded senders overrun slow paths; section
 * "Sizes, pacing, throughput" advises about this much.
 */
export const INITIAL_WINDOW_BYTES: number = 256 * 1024;
export const INITIAL_WINDOW_MESSAGES = 64;

/** The window never gets smaller: two messages of 16 KiB, or 16 of the usual 1 KiB. */
export const MIN_WINDOW_BYTES: number = 32 * 1024;
export const MIN_WINDOW_MESSAGES = 16;

/** The window never gets larger, unless options say so. 4 MiB fill 20 MB/s at a round trip of 200 ms. */
export const DEFAULT_MAX_UNACKED_BYTES: number = 4 * 1024 * 1024;
export const DEFAULT_MAX_UNACKED_MESSAGES = 4_096;

/**
 * How long a byte may wait in queues between here and the agent while an upload runs at full speed; so long does a
 * small message on another stream wait as well. Far more than a busy event loop usually adds to a round trip, far
 * less than anybody notices.
 */
export const TARGET_QUEUE_MS = 50;

/** While a path is new, its round trip may be queued once more, but no longer than this. */
export const MAX_START_QUEUE_MS = 200;

/** The least round trip is measured anew when nothing confirmed it for so long; BBR's value. */
export const BASE_AGE_MS = 10_000;

/** On top of 5 %: round trips that differ by less count as equal. */
export const BASE_TOLERANCE_MS = 0.2;

/** Below, clocks say nothing. */
export const MIN_ROUND_TRIP_MS = 0.05;

/** So many messages in a row have to be late before the window shrinks in the middle of a round. */
export const SEVERE_SAMPLES = 8;

/** And it shrinks again only when they get later by this factor. */
export const SEVERE_GROWTH = 1.5;

/** Distance from the oldest unacknowledged to the newest message: what the official client could still reorder. */
export const MAX_SEQUENCE_SPAN = 10_000;

/**
 * What a receiver holds while it waits for a missing message: as much as an agent keeps unacknowledged, at a little more
 * than 1 KiB each. An agent repeats about ten messages in a second and sends a thousand new ones meanwhile; what is
 * refused then comes back at ten in a second, too, so that a receiver with less room never catches up.
 */
export const DEFAULT_MAX_BUFFERED_MESSAGES = 100_000;
export const DEFAULT_MAX_BUFFERED_BYTES: number = 128 * 1024 * 1024;
