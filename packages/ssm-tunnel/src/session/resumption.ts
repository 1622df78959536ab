import type { SessionApi, StartedSession } from '../aws/session-api.ts';
import { now } from '../channel/clock.ts';
import { MAX_REFUSED_UPGRADES, SOUND_AFTER_HEARD_MS, SOUND_AFTER_MS } from '../channel/constants.ts';
import { isTunnelError, TunnelError } from '../errors.ts';
import { retryDelayMs, wait } from './backoff.ts';

export interface ResumptionOptions {
  readonly api: SessionApi;
  readonly sessionId: string;
  readonly reconnectTimeoutMs: number;
  /** Ends with the session. */
  readonly signal: AbortSignal;
  /** Whether waiting has to keep the process alive. */
  readonly keepsAlive: () => boolean;
  readonly isLinked: () => boolean;
  /** Opens another link for the session. */
  readonly attach: (started: StartedSession) => Promise<void>;
  readonly resumed: () => void;
  /** The session cannot be resumed. */
  readonly fail: (error: TunnelError) => void;
}

/** A link is lost, since when, and how the attempts to get another one went. */
interface Trouble {
  readonly since: number;
  attempt: number;
  /** Upgrades in a row that were refused. */
  refused: number;
  cause: unknown;
}

/**
 * Gets a session a new WebSocket: ResumeSession, a fresh signature, a fresh token, again and again until it works, the
 * session is over, or the time is up (protocol section "Close, reconnect, resume"; its official client gives up after
 * a few seconds and stays behind as a zombie).
 */
export class Resumption {
  /** Links that were opened after the first. */
  resumes = 0;
  readonly #options: ResumptionOptions;
  #trouble: Trouble | undefined;
  #running = false;
  #linkedAt = 0;

  constructor(options: ResumptionOptions) {
    this.#options = options;
  }

  /** Why and since when there is no link; undefined while there is one. */
  get trouble(): { readonly since: number; readonly cause: unknown } | undefined {
    return this.#running ? this.#trouble : undefined;
  }

  /** A link was opened. */
  linked(): void {
    this.#linkedAt = now();
  }

  /** How long the present link has been there; 0 without one. */
  get linkedForMs(): number {
    return this.#options.isLinked() ? now() - this.#linkedAt : 0;
  }

  /** The link is lost. One that did not last does not start the count, the waits and the time afresh. */
  begin(cause: TunnelError, heard: boolean): void {
    const sound = now() - this.#linkedAt > (heard ? SOUND_AFTER_HEARD_MS : SOUND_AFTER_MS);
    if (this.#trouble === undefined || sound) {
      this.#trouble = { since: now(), attempt: 0, refused: 0, cause };
    } else {
      this.#trouble.cause = cause;
    }
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    const { signal, isLinked, resumed, fail } = this.#options;
    this.#running = true;
    try {
      // Asked again at the end: a link may be lost between its opening and this line.
      while (!isLinked()) await this.#attempt();
    } catch (error) {
      if (!signal.aborted) fail(asTunnelError(error));
      return;
    } finally {
      this.#running = false;
    }
    this.resumes++;
    resumed();
  }

  /** Throws what makes further attempts useless. */
  async #attempt(): Promise<void> {
    const { api, sessionId, signal, keepsAlive, attach, reconnectTimeoutMs } = this.#options;
    const trouble = this.#trouble;
    signal.throwIfAborted();
    if (trouble === undefined) return;
    // Not after a failure alone: a link that is lost as soon as it is there is no success.
    if (trouble.attempt > 0 && now() - trouble.since >= reconnectTimeoutMs) {
      throw reconnectTimeout(reconnectTimeoutMs, trouble.cause);
    }
    await wait(retryDelayMs(trouble.attempt++), keepsAlive(), signal);
    try {
      const resumed = await api.resume(sessionId, signal);
      if (resumed === undefined) throw sessionGone(trouble.cause);
      await attach(resumed);
    } catch (error) {
      signal.throwIfAborted();
      if (isFinal(error, trouble)) throw error;
      trouble.cause = error;
    }
  }
}

/** `cause` is the last failure. */
export function reconnectTimeout(timeoutMs: number, cause: unknown): TunnelError {
  const why = cause instanceof Error ? ` ${cause.message}` : '';
  return new TunnelError('SSM_RECONNECT_TIMEOUT', `The tunnel was lost for ${timeoutMs} ms.${why}`, {
    hint: isTunnelError(cause) ? cause.hint : 'Check the network, then open another tunnel.',
    cause,
  });
}

function sessionGone(cause: unknown): TunnelError {
  const after = cause instanceof Error ? ` ${cause.message}` : '';
  return new TunnelError('SSM_CHANNEL_CLOSED', `The session is over at AWS and cannot be resumed.${after}`, {
    hint: 'It was terminated, idle for too long, or over its maximum duration. Connect again.',
    cause,
  });
}

/** What another attempt would meet again. Credentials and networks come back; permissions do not, not by themselves. */
function isFinal(error: unknown, trouble: Trouble): boolean {
  if (!isTunnelError(error)) return true;
  if (error.code === 'SSM_CHANNEL_REFUSED') return ++trouble.refused >= MAX_REFUSED_UPGRADES;
  return (
    error.code === 'SSM_CHANNEL_CLOSED' ||
    error.code === 'SSM_ACCESS_DENIED' ||
    error.kind === 'protocol' ||
    error.kind === 'invalid'
  );
}

function asTunnelError(error: unknown): TunnelError {
  if (isTunnelError(error)) return error;
  return new TunnelError('SSM_CHANNEL_LOST', `The session could not be resumed: ${String(error)}`, {
    hint: 'Connect again.',
    cause: error,
  });
}
