/**
 * How the service between client and agent behaves. The defaults are those of the real one where they are known
 * (protocol sections "ResumeSession and TerminateSession" and "Close, reconnect, resume").
 */
export interface SsmServiceOptions {
  /**
   * A session without input of its client for this long is ended. Input is any stream message, an smux NOP too;
   * pings and acknowledgements are none. ResumeSession counts as input. Default 20 minutes; 0: never.
   */
  idleTimeoutMs?: number;
  /** How long a session may last at all. Default 0: as long as it likes. */
  maxSessionDurationMs?: number;
  /**
   * How often the service closes the data channels of a session, both with `1000 Bye`. The agent reopens its own.
   * Default 60 minutes; 0: never.
   */
  closeChannelsEveryMs?: number;
  /**
   * What becomes of messages for a side that is away: kept (at most 1,000 and 4 MiB) and delivered later, or lost.
   * Not known of the real service. Default `queue`.
   */
  absentPeer?: 'queue' | 'drop';
  /**
   * The largest payload that a client may send. A larger one is not delivered, and the channel is closed with 1009.
   * Not known of the real service. Default 0: no limit.
   */
  maxPayloadBytes?: number;
  /**
   * Time that everything takes from the client to the service, and back: API calls, upgrades, messages, pings. The
   * order is kept. Default 0.
   */
  oneWayDelayMs?: number;
  /**
   * How long a token from StartSession or ResumeSession opens the channel. Not known of the real service.
   * Default 0: until it is used or replaced.
   */
  tokenLifetimeMs?: number;
  /**
   * What ResumeSession answers for a session that is over: no token (what the official client was seen to handle),
   * `DoesNotExistException` (what the model has), or `ValidationException` ("not in a valid state").
   * Default `no-token`.
   */
  resumeOfEnded?: 'no-token' | 'does-not-exist' | 'invalid-state';
}

export type ServiceSettings = Required<SsmServiceOptions>;

const MINUTE = 60_000;

const defaults: ServiceSettings = {
  idleTimeoutMs: 20 * MINUTE,
  maxSessionDurationMs: 0,
  closeChannelsEveryMs: 60 * MINUTE,
  absentPeer: 'queue',
  maxPayloadBytes: 0,
  oneWayDelayMs: 0,
  tokenLifetimeMs: 0,
  resumeOfEnded: 'no-token',
};

export const serviceOptionNames: readonly string[] = Object.keys(defaults);

const choices: Readonly<Record<string, readonly string[]>> = {
  absentPeer: ['queue', 'drop'],
  resumeOfEnded: ['no-token', 'does-not-exist', 'invalid-state'],
};

/** Timers take no more: a longer one would fire at once. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;

export function readServiceOptions(options: SsmServiceOptions): {
  settings: ServiceSettings;
  problems: readonly string[];
} {
  const settings = { ...defaults, ...options };
  const problems = Object.entries(settings).flatMap(([name, value]) => {
    const allowed = choices[name];
    if (allowed !== undefined)
      return allowed.includes(String(value)) ? [] : [`service.${name} is none of ${allowed.join(', ')}`];
    if (!serviceOptionNames.includes(name)) return [];
    return typeof value === 'number' && value >= 0 && value <= MAX_TIMER_MS
      ? []
      : [`service.${name} is no number from 0 to ${MAX_TIMER_MS}`];
  });
  return { settings, problems };
}
