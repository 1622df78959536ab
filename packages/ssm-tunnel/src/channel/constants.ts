// From the protocol.

/**
 * The version announced to agent and service: four numeric parts, because only such versions compare as
 * meant. Above 1.2.331.0, so that agents leave their smux keep-alive off (they would otherwise end a silent
 * session after 30 to 60 seconds), and above 1.2.688.0, from which on clients sign the upgrade, as we do.
 */
export const CLIENT_VERSION = '1.2.707.0';

/** Agents that need smux keep-alive get a NOP this often. */
export const SMUX_KEEP_ALIVE_MS = 10_000;

// Ours.

/**
 * Largest WebSocket message accepted. Agents send little more than 1 KiB; the official client takes any size, and
 * beyond this one stream's buffer would not take it either.
 */
export const MAX_MESSAGE_BYTES: number = 16 * 1024 * 1024;

/** Messages that may be damaged (malformed, wrong digest) and are passed over, before the session is given up. */
export const MAX_DAMAGED_MESSAGES = 16;

/** Bytes in our own socket above which nothing more is read: more than a full upload window needs. */
export const PAUSE_READING_BYTES: number = 6 * 1024 * 1024;

/** Bytes that may wait in our own socket. Everything else stays below; more means nobody reads. */
export const MAX_SOCKET_BUFFER_BYTES: number = 16 * 1024 * 1024;

/** Above this many bytes in our own socket nothing is sent again: the first copy has not even left. */
export const RETRANSMIT_BELOW_BYTES: number = 256 * 1024;

/** The retransmission timer never fires more often than this. */
export const MIN_TIMER_MS = 10;

/** Streams open at a time in one session. */
export const MAX_STREAMS = 10_000;

/** Streams that the peer may open at us, each refused, before the session is given up. */
export const MAX_UNEXPECTED_STREAMS = 64;

/** What a session without frames holds for the first connection: servers may speak first. */
export const MAX_EARLY_BYTES: number = 1024 * 1024;

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

/** The first wait of a retry; each further one is twice as long, up to the limit, and drawn from its upper half. */
export const FIRST_RETRY_MS = 100;
export const MAX_RETRY_MS = 10_000;

/** A link is taken for sound after so long; one lost earlier goes on with longer waits. */
export const SOUND_AFTER_MS = 5_000;

/** A link over which the agent was heard is taken for sound after so long. */
export const SOUND_AFTER_HEARD_MS = 1_000;

/** A session that lived so long, or delivered data, was of use: the next failure is a new one. */
export const USEFUL_AFTER_MS = 10_000;

/** Refused upgrades in a row, after which a session is not resumed but replaced. */
export const MAX_REFUSED_UPGRADES = 5;

/** How often the pool looks whether sessions are busy, or are not needed any more. */
export const POOL_INTERVAL_MS = 500;

/** A session that moves so many bytes in a second has little left: the agent's own limit is about 800 KiB. */
export const BUSY_BYTES_PER_SECOND: number = 256 * 1024;

/** A session whose agent acknowledges nothing for so long gets new streams only when there is no other. */
export const STALLED_AFTER_MS = 2_000;

/** After a failed attempt to add a session the pool stays as it is for so long. */
export const GROWTH_PAUSE_MS = 30_000;

/** Streams that may wait for a session. */
export const MAX_WAITING_STREAMS = 10_000;

/** Streams that may wait for sessions of their own, each of which is being started. */
export const MAX_WAITING_ALONE = 64;
